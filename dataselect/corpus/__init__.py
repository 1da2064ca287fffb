"""Reading and writing a corpus: files in, batches of documents through, shards out."""

from dataselect.corpus.options import ReadOptions
from dataselect.corpus.output import output_folder
from dataselect.corpus.parts import REASONS, Quarantined
from dataselect.corpus.reading import DocumentPart, read_parts
from dataselect.corpus.rewriting import AddedColumn, Rewriting
from dataselect.corpus.shards import Keep, Shard, shard_names, write_selected
from dataselect.corpus.sources import ACCEPTED, CorpusFile, Source, find_corpus

__all__ = [
    "ACCEPTED",
    "REASONS",
    "AddedColumn",
    "CorpusFile",
    "DocumentPart",
    "Keep",
    "Quarantined",
    "ReadOptions",
    "Rewriting",
    "Shard",
    "Source",
    "find_corpus",
    "output_folder",
    "read_parts",
    "shard_names",
    "write_selected",
]
