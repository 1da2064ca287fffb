"""Words and runs of marks of lower-cased text, ``\\w+|[^\\w\\s]+``, as hashes or as bytes."""

from dataselect.scorers.wordpunct.hashes import LINE_END, hash_words
from dataselect.scorers.wordpunct.lowering import Lowering, lowering
from dataselect.scorers.wordpunct.spelled import spell_words

__all__ = ["LINE_END", "Lowering", "hash_words", "lowering", "spell_words"]
