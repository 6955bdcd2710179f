"""Texts through a transformers network: states of texts or words, alone or in context, and surprisal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.stimulus import StimulusSet
from gyral.models.card import Pooling
from gyral.models.compute import Typical
from gyral.models.families import Family
from gyral.models.surprisal import mean_bits, token_bits, with_first, word_bits
from gyral.models.tokenizer import TextTokenizer, Tokens, read_out
from gyral.models.transformers_net import run
from gyral.models.windows import Windows, windows

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TextReader:
    """How a language model reads.

    Parameters
    ----------
    tokenizer : TextTokenizer
    family : Family
    policy : {"last", "mean", "cls"}
        How a text becomes one vector.
    first : int or None
        The token that texts are expected behind where the tokenizer puts none first; for surprisal only.
    """

    tokenizer: TextTokenizer
    family: Family
    policy: Pooling
    first: int | None = None

    def states(self, net: Any, stimuli: StimulusSet, words: int) -> list[Floats]:
        """Every hidden state, texts x channels, or texts x words x channels where ``words`` are asked for."""
        tokens, seen = self._tokens(stimuli, words)
        found = run(net, self.family, input_ids=tokens.ids, attention_mask=tokens.mask)
        read = [read_out(state, tokens, self.policy) for state in found]
        if seen is None:
            return read
        return [by_text if words else by_text[:, 0] for by_text in map(seen.by_text, read)]

    def typical(self, stimuli: StimulusSet) -> Typical:
        """What is run for one of the texts."""
        return Typical.of(self._tokens(stimuli, 0)[0], len(stimuli))

    def surprisal(self, net: Any, stimuli: StimulusSet, words: int) -> Floats:
        """Bits, texts x 1 (the mean over words), or texts x words x 1."""
        import torch  # nested: slow to import

        most = words or max(len(text.split()) for text in stimuli.texts or ("",)) or 1
        tokens, seen = self._tokens(stimuli, most)
        assert tokens.shares is not None  # noqa: S101 - words were asked for
        ids, mask = tokens.ids, tokens.mask
        if self.first is not None:
            ids, mask = with_first(ids, mask, self.first)
        shown = [torch.from_numpy(values).to(net.device) for values in (ids, mask)]
        with torch.inference_mode():
            bits = token_bits(net(input_ids=shown[0], attention_mask=shown[1]).logits, shown[0])
        bits = bits[:, ids.shape[1] - tokens.ids.shape[1] :]
        found, shares = word_bits(bits, tokens.shares), tokens.shares
        if seen is not None:
            found, shares = seen.by_text(found[:, :, None])[:, :, 0], seen.by_text(shares)
        return found[:, :, None] if words else mean_bits(found, shares)

    def _tokens(self, stimuli: StimulusSet, words: int) -> tuple[Tokens, Windows | None]:
        texts: Sequence[str] = stimuli.texts or ()
        if stimuli.contexts is None:
            return self.tokenizer.encode(texts, stimuli.ids, words=words), None
        seen = windows(
            self.tokenizer,
            texts,
            stimuli.contexts,
            stimuli.ids,
            words=words,
            policy=self.policy,
            causal=self.family.causal,
        )
        return seen.tokens, seen
