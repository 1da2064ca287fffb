"""The importance of every item of a retrieval corpus, exactly, by the multilinear extension."""

from dataselect.importance.approximation import Approximation, Used
from dataselect.importance.gradient import Gradient, gradient
from dataselect.importance.group_game import group_gradient
from dataselect.importance.groups import Groups, groups_of_names
from dataselect.importance.learning import Importance, importance
from dataselect.importance.matching import Matching, matching_of
from dataselect.importance.neighbours import NeighbourImportance
from dataselect.importance.pruning import Pruning, prune
from dataselect.importance.reading import (
    RetrievalTable,
    read_groups,
    read_retrievals,
    retrievals_of_table,
)
from dataselect.importance.results import importance_table, write_importance
from dataselect.importance.retrievals import Retrievals, first_of_repeats, from_lists
from dataselect.importance.reweighting import reweight
from dataselect.importance.step_size import StepSize, choose_step_size
from dataselect.importance.values import banzhaf, knn_shapley, leave_one_out, shapley
from dataselect.importance.votes import accuracy, gains_without, outcomes

__all__ = [
    "Approximation",
    "Gradient",
    "Groups",
    "Importance",
    "Matching",
    "NeighbourImportance",
    "Pruning",
    "RetrievalTable",
    "Retrievals",
    "StepSize",
    "Used",
    "accuracy",
    "banzhaf",
    "choose_step_size",
    "first_of_repeats",
    "from_lists",
    "gains_without",
    "gradient",
    "group_gradient",
    "groups_of_names",
    "importance",
    "importance_table",
    "knn_shapley",
    "leave_one_out",
    "matching_of",
    "outcomes",
    "prune",
    "read_groups",
    "read_retrievals",
    "retrievals_of_table",
    "reweight",
    "shapley",
    "write_importance",
]
