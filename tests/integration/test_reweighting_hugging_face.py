"""Hugging Face's Trainer reweights as the plain loop does; interrupted runs end like whole ones."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from plain_training import (
    RATE,
    SAMPLES,
    TOKENS,
    VOCABULARY,
    Sequences,
    language_model,
    plain_loop,
    reweighter,
    same_parameters,
)
from torch import Tensor

from dataselect import DataselectError
from dataselect.reweighting import (
    classification_losses,
    per_sequence_cross_entropy,
)

pytestmark = pytest.mark.usefixtures("trained_here")


class TestHuggingFace:
    def trainer(
        self,
        folder: Path,
        *,
        accumulation: int = 1,
        epochs: float = 2,
        model: Any = None,
        **more: Any,
    ) -> Any:
        from transformers import Trainer, TrainingArguments

        class InOrder(Trainer):
            def _get_train_sampler(self, *others: Any) -> Any:
                return torch.utils.data.SequentialSampler(self.train_dataset)

        arguments = TrainingArguments(
            str(folder), per_device_train_batch_size=4, num_train_epochs=epochs, use_cpu=True,
            gradient_accumulation_steps=accumulation, learning_rate=RATE, optim="sgd",
            lr_scheduler_type="constant", max_grad_norm=0.0, logging_steps=1, report_to=[],
            disable_tqdm=True, save_strategy=more.pop("save_strategy", "no"), seed=0, **more,
        )  # fmt: skip
        return InOrder(
            model or language_model(),
            arguments,
            train_dataset=Sequences(),
            eval_dataset=Sequences(),
        )

    @pytest.mark.parametrize("accumulation", [1, 4])
    def test_is_the_plain_loop(self, tmp_path: Path, accumulation: int) -> None:
        from dataselect.reweighting.trainers.huggingface import reweight_trainer

        trainer, reweight = self.trainer(tmp_path, accumulation=accumulation), reweighter()
        reweight_trainer(trainer, reweight)
        trainer.train()
        expected, course = plain_loop(reweighter(), accumulation=accumulation)
        same_parameters(trainer.model, expected)
        logs = [log for log in trainer.state.log_history if "loss" in log]
        # The last step of an epoch has 2 micro-batches of 4, and its loss is not half of it.
        assert [log["loss"] for log in logs] == pytest.approx(course, rel=1e-4)
        assert {log["reweighting/step"] for log in logs} == set(range(len(course)))

    @pytest.mark.parametrize("accumulation", [1, 4])
    def test_uniform_by_tokens_is_the_trainer_without(
        self, tmp_path: Path, accumulation: int
    ) -> None:
        from dataselect.reweighting.trainers.huggingface import reweight_trainer

        bare = self.trainer(tmp_path / "bare", accumulation=accumulation)
        bare.train()
        trainer = self.trainer(tmp_path / "ours", accumulation=accumulation)
        reweight_trainer(trainer, reweighter(math.inf), average="token")
        trainer.train()
        same_parameters(trainer.model, bare.model)

        def logged(of: Any) -> list[float]:
            return [log["loss"] for log in of.state.log_history if "loss" in log]

        assert logged(trainer) == pytest.approx(logged(bare), rel=1e-4)

    def test_evaluation_is_the_trainer_without(self, tmp_path: Path) -> None:
        from dataselect.reweighting.trainers.huggingface import reweight_trainer

        more: dict[str, Any] = {"per_device_eval_batch_size": SAMPLES}
        expected = self.trainer(tmp_path, **more).evaluate()["eval_loss"]
        trainer = self.trainer(tmp_path, **more)
        reweight_trainer(trainer, reweighter(0.1))
        assert trainer.evaluate()["eval_loss"] == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize("callbacks", [False, True])
    def test_goes_on_at_a_checkpoint(self, tmp_path: Path, callbacks: bool) -> None:
        from dataselect.reweighting.trainers.huggingface import reweight_trainer

        more: dict[str, Any] = {
            "save_strategy": "steps",
            "save_steps": 3,
            "restore_callback_states_from_checkpoint": callbacks,
        }
        whole, first, second = (self.trainer(tmp_path / name, **more) for name in "abb")
        for trainer in (whole, first, second):
            reweight_trainer(trainer, reweighter())
        whole.train()
        first.args.max_steps = 3
        first.train()
        saved = json.loads((tmp_path / "b/checkpoint-3/trainer_state.json").read_text())
        assert "ReweightingCallback" in saved["stateful_callbacks"]
        second.train(resume_from_checkpoint=str(tmp_path / "b/checkpoint-3"))
        same_parameters(second.model, whole.model)
        assert [log["reweighting/step"] for log in second.state.log_history if "loss" in log] == [
            log["reweighting/step"] for log in whole.state.log_history if "loss" in log
        ]

    def test_a_model_made_when_training_begins(self, tmp_path: Path) -> None:
        from transformers import Trainer

        from dataselect.reweighting.trainers.huggingface import reweight_trainer

        plain = self.trainer(tmp_path)
        trainer = Trainer(
            args=plain.args,
            model_init=language_model,
            train_dataset=Sequences(),
            eval_dataset=Sequences(),
        )
        reweight = reweighter()
        reweight_trainer(trainer, reweight)
        trainer.args.max_steps = 2
        trainer.train()
        calls = reweight.calls
        trainer.evaluate()
        assert (calls, reweight.calls) == (2, 2)

    def test_what_it_cannot_do_is_refused(self, tmp_path: Path) -> None:
        from transformers import BertConfig, BertForMaskedLM, Trainer

        from dataselect.reweighting.trainers.huggingface import reweight_trainer

        smoothed = self.trainer(tmp_path, label_smoothing_factor=0.1)
        with pytest.raises(DataselectError, match=r"label_smoothing_factor=0\.1"):
            reweight_trainer(smoothed, reweighter())
        tiny = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
        bert = BertForMaskedLM(BertConfig(vocab_size=VOCABULARY, intermediate_size=8, **tiny))
        masked = Trainer(bert, self.trainer(tmp_path).args, train_dataset=Sequences())
        with pytest.raises(DataselectError, match="BertForMaskedLM is no causal language model"):
            reweight_trainer(masked, reweighter())
        reweight_trainer(
            masked,
            reweighter(),
            losses_of=lambda out, labels: per_sequence_cross_entropy(
                out["logits"], labels, shift=False
            ),
        )
        with pytest.raises(DataselectError, match="has a compute_loss_func already"):
            reweight_trainer(masked, reweighter())

    def test_other_models(self, tmp_path: Path) -> None:
        from transformers import GPT2Config, GPT2ForSequenceClassification

        from dataselect.reweighting.trainers.huggingface import reweight_trainer

        class Labelled(Sequences):
            def __getitem__(self, i: int) -> dict[str, Tensor]:
                return {"input_ids": self.ids[i], "labels": self.ids[i, 0] % 2}

        model = GPT2ForSequenceClassification(
            GPT2Config(
                vocab_size=VOCABULARY, n_positions=TOKENS, n_embd=8, n_layer=1, n_head=2,
                pad_token_id=VOCABULARY - 1, bos_token_id=0, eos_token_id=0, num_labels=2,
            )
        )  # fmt: skip
        trainer = self.trainer(tmp_path, epochs=15, model=model)
        trainer.train_dataset = Labelled()
        reweight_trainer(
            trainer,
            reweighter(0.4),
            losses_of=lambda outputs, labels: classification_losses(outputs["logits"], labels),
        )
        trainer.train()
        losses = [
            log["reweighting/unweighted_loss"] for log in trainer.state.log_history if "loss" in log
        ]
        assert sum(losses[-6:]) < 0.8 * sum(losses[:6])
