"""Small classifiers with random weights, saved as those of the hub are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = ["the", "cat", "sat", "on", "mat", "a", "dog", "proof", "by", "induction", ".", ","]


def save_tokenizer(folder: Path, *, special: bool = True, limit: int = 512) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {word: k for k, word in enumerate(marks + WORDS)}
    vocabulary |= {f"##{word}": len(vocabulary) + k for k, word in enumerate("stx")}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if special:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=limit,
    ).save_pretrained(folder)


def save_classifier(
    folder: Path, kind: str = "bert", *, limit: int = 64, seed: int = 0, **config: Any
) -> Path:
    """A model of a few hundred parameters; ``config`` goes into its configuration."""
    import torch
    import transformers

    sizes = {"hidden_size": 16, "intermediate_size": 16, "vocab_size": 32}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 2}
    kinds: dict[str, tuple[str, str, dict[str, Any]]] = {
        "bert": ("BertConfig", "BertForSequenceClassification", {}),
        "roberta": ("RobertaConfig", "RobertaForSequenceClassification", {"pad_token_id": 0}),
        "masked": ("BertConfig", "BertForMaskedLM", {}),
        "encoder": ("BertConfig", "BertModel", {}),
        "modernbert": (
            "ModernBertConfig",
            "ModernBertForSequenceClassification",
            {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2,
             "sep_token_id": 3},
        ),
        "llama": (
            "LlamaConfig",
            "LlamaForSequenceClassification",
            {"pad_token_id": 0, "num_key_value_heads": 2},
        ),
    }  # fmt: skip
    config_class, model_class, more = kinds[kind]
    made = getattr(transformers, config_class)(
        **sizes, **layers, max_position_embeddings=limit, **more, **config
    )
    torch.manual_seed(seed)
    model = getattr(transformers, model_class)(made).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # fresh heads are near 0, and their outputs alike
            parameter.normal_(0, 0.4)
    model.save_pretrained(folder)
    save_tokenizer(folder, special=kind != "llama", limit=limit)
    return folder
