"""What the rules were asked and what they answered, as text: it follows from the decision alone."""

from collections.abc import Mapping

import msgspec

from arbiter.model.agents import DecisionType


def context_text(context: Mapping[str, object]) -> str:
    """The figures an agent saw, as text, one a line, by name."""
    encoded = msgspec.json.decode(msgspec.json.encode(context, order="sorted"))
    return "\n".join(f"{name}: {value}" for name, value in encoded.items())


def rules_response(
    kind: DecisionType,
    *,
    decision: str,
    confidence: float,
    reasoning: str,
    context: Mapping[str, object],
) -> str:
    """The answer in the form that a model gives; a risk approval's size is its `fraction`."""
    said: dict[str, object]
    match kind:
        case DecisionType.SIGNAL:
            said = {"action": decision, "confidence": confidence, "reasoning": reasoning}
        case DecisionType.CONSENSUS:
            said = {"action": decision, "confidence": confidence}
        case DecisionType.RISK_APPROVAL:
            said = {
                "approved": decision == "APPROVE",
                "position_size": context.get("fraction"),
                "reasoning": reasoning,
            }
    return msgspec.json.encode(said).decode()
