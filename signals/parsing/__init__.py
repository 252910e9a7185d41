"""The parser: bytes of an alert to intents, or to a coded problem with pointers.

Pure, and total: any bytes give a ParsedAlert or a ParseProblem. Where it stands matters: whether a
passphrase is right, a stop on the right side or a symbol allowed is for others.
"""

from signals.parsing.alert import MAX_COMMANDS, ParsedAlert, parse_alert
from signals.parsing.identity import alert_fingerprint, body_key, intent_fingerprint, signal_key
from signals.parsing.masking import mask_secrets
from signals.parsing.problems import FieldError, ParseProblem
from signals.parsing.reading import MAX_BODY

__all__ = [
    "MAX_BODY",
    "MAX_COMMANDS",
    "FieldError",
    "ParseProblem",
    "ParsedAlert",
    "alert_fingerprint",
    "body_key",
    "intent_fingerprint",
    "mask_secrets",
    "parse_alert",
    "signal_key",
]
