"""Which documents of a corpus help a retriever answer, and which to remove.

    python examples/importance_of_documents.py

A real retriever (TF-IDF and cosine similarity, of scikit-learn) over a corpus of short documents
about the currencies of made-up countries. Two thirds of the documents are right; a third come from
sources that copy names well and facts badly. Each document "answers" with the currency it names.
Importance is learned on half of the questions; the other half shows what removing the lowest
sources is worth.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from dataselect.importance import (
    Groups,
    Retrievals,
    accuracy,
    choose_step_size,
    importance,
    prune,
    reweight,
)

CURRENCIES = ("crown", "dinar", "florin", "guilder", "lira", "mark", "peso", "rupee", "talent")
SYLLABLES = ("ba", "do", "ka", "li", "mu", "na", "ri", "so", "ta", "ve")
FORMS = (
    "The currency of {country} is the {currency}.",
    "In {country}, prices are given in {currency}.",
    "Travellers to {country} should change their money to {currency} in advance.",
    "{country} introduced the {currency} after its reform.",
)
SOURCES = 30
PER_COUNTRY = 18
K = 5
LISTED = 15


def corpus(
    rng: np.random.Generator, countries: int
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Texts, the source and the currency named of each, and every country's true currency."""
    truth = rng.integers(len(CURRENCIES), size=countries)
    names = ["".join(rng.choice(SYLLABLES, size=4)).capitalize() for _ in range(countries)]
    right = np.where(np.arange(SOURCES) < 2 * SOURCES // 3, 0.7, 0.1)
    texts, sources, answers = [], [], []
    for country in range(countries):
        for source in rng.choice(SOURCES, size=PER_COUNTRY, replace=False):
            knows = rng.random() < right[source]
            # The bad sources share their mistakes, as copies do.
            named = truth[country] if knows else (truth[country] + 1) % len(CURRENCIES)
            form = FORMS[rng.integers(len(FORMS))]
            texts.append(form.format(country=names[country], currency=CURRENCIES[named]))
            sources.append(source)
            answers.append(named)
    questions = [f"What is the currency of {name}?" for name in names]
    return [*questions, *texts], np.array(sources), np.array(answers), truth


def retrieve(questions: list[str], documents: list[str]) -> np.ndarray:
    """The documents of each question, the most similar first."""
    vectorizer = TfidfVectorizer().fit(documents)
    similar = (vectorizer.transform(questions) @ vectorizer.transform(documents).T).toarray()
    return np.argsort(-similar, axis=1, kind="stable")[:, :LISTED].astype(np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--countries", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    texts, source, answer, truth = corpus(rng, options.countries)
    questions, documents = texts[: options.countries], texts[options.countries :]
    ranked = retrieve(questions, documents)
    lists = Retrievals(
        indptr=np.arange(len(questions) + 1, dtype=np.int64) * LISTED,
        items=ranked.reshape(-1),
        utility=(answer[ranked] == truth[:, None]).astype(np.float64).reshape(-1),
        n_items=len(documents),
        answer=answer[ranked].reshape(-1).astype(np.int64),
    )
    groups = Groups(source.astype(np.int64), tuple(f"source {i}" for i in range(SOURCES)))
    order = rng.permutation(len(questions))
    half = len(order) // 2
    validation, test = lists.take(order[:half]), lists.take(order[half:])

    step = choose_step_size(validation, k=K, groups=groups)
    found = importance(validation, k=K, learning_rate=step.learning_rate, groups=groups)
    pruning = prune(validation, found.players, k=K, player=groups.of_item)
    weighed = reweight(test, found.players, k=K, player=groups.of_item, seed=options.seed)

    print(f"{len(documents):,} documents of {SOURCES} sources, {len(questions)} questions")
    print(f"step size {step.learning_rate:g}, {pruning.share:.0%} of retrieved positions removed")
    lowest = np.argsort(found.players)[:5]
    print("least important:", ", ".join(f"{groups.names[i]}" for i in lowest))
    print(f"accuracy of the vote on test questions, before:  {accuracy(test, k=K):.3f}")
    print(
        f"                                     pruned:     {accuracy(test, pruning.keep, k=K):.3f}"
    )
    print(f"                                     reweighted: {weighed.mean():.3f}")


if __name__ == "__main__":
    main()
