"""What came of delivering one answer."""

import msgspec

from fairlead_gateway.limits import Outcome
from fairlead_gateway.usage import Usage


class Delivery(msgspec.Struct):
    """An answer on its way to a client.

    Attributes:
        outcome: How it ended; FAILED until it is known better.
        usage: What the engine reported last; of a whole answer, this is the count.
        audio_seconds: Seconds of sound that the replica took up, or None where there is none.
        frames: Server-sent events delivered.
        deltas: Those of them that carry generated tokens.
        tokens_per_event: Tokens in each delta but the first of an answer, at least.
        first_byte_at: Event-loop time in seconds of the first delivered byte, or None.
        content_type: Of the answer.
        error_code: Code of the error that ended a stream, "" where none did.
        idle: Whether no engine has worked for it.
        kept: The delivered bytes where they are wanted for the cache, else None.
    """

    outcome: Outcome = Outcome.FAILED
    usage: Usage | None = None
    audio_seconds: int | None = None
    frames: int = 0
    deltas: int = 0
    tokens_per_event: int = 1
    first_byte_at: float | None = None
    content_type: str = ""
    error_code: str = ""
    idle: bool = False
    kept: list[bytes] | None = None

    def settled_usage(
        self, *, prompt_estimate: int, opening_frames: int, answers: int = 1, sound_estimate: int = 0
    ) -> Usage | None:
        """Return the tokens to charge.

        A whole answer costs what the engine counted. Of an answer that broke off the engine's count never comes: the
        prompt is charged as reported early or else as estimated, and the answer by its delivered events, less the
        opening ones that carry none: the first token has one to itself, the others share theirs as they were asked to.
        An engine may put more tokens into an event when it is busy, never fewer, so nobody is charged for more than
        was delivered. Sound is heard before the first word is written, so all of its seconds are charged: those that
        the replica tells, or where the answer was given up before that, those that the upload has at least.

        Args:
            prompt_estimate: Tokens assumed for the prompt where the engine did not say.
            sound_estimate: Seconds assumed for its sound likewise.
            opening_frames: Events at the start that carry no token.
            answers: How many answers the stream carries side by side.

        Returns:
            None where nothing was delivered, or nothing new was generated; of an answer that its client did not wait
            for, the prompt was worked on.
        """
        if self.outcome is Outcome.COMPLETED and self.audio_seconds is None:
            return self.usage
        if self.idle:
            return Usage(0, 0)
        if self.outcome is Outcome.CACHED:
            return None
        if self.audio_seconds is not None and (self.first_byte_at is not None or self.outcome is Outcome.ABORTED):
            return Usage(0, 0, audio_seconds=self.audio_seconds)
        if self.first_byte_at is None:
            given_up = self.outcome is Outcome.ABORTED
            return Usage(prompt_estimate, 0, audio_seconds=sound_estimate) if given_up else None
        prompt = self.usage.prompt_tokens if self.usage is not None else prompt_estimate
        reported = self.usage.completion_tokens if self.usage is not None else 0
        deltas = max(self.deltas - opening_frames, 0)
        delivered = min(deltas, answers) + max(deltas - answers, 0) * self.tokens_per_event
        return Usage(prompt_tokens=prompt, completion_tokens=max(delivered, reported))
