"""The space of the W-PCA paper: a BERT or a MobileBERT block of one of six sizes in every layer."""

from nasproxy.spaces.bert_mobilebert.space import BertMobileBERT

__all__ = ["BertMobileBERT"]
