"""The sandbox's plain HTTP on the loopback interface stands for TLS, which AWS's endpoints speak and policies demand.

Source: IAM user guide, global condition key `aws:SecureTransport`.
"""

from ministack import app
from ministack.core import iam_evaluator


def pin_request_origin(source_ip: str, _secure_transport: bool) -> None:
    """Note where a request comes from, and that it came by TLS."""
    iam_evaluator.pin_request_origin(source_ip, True)


def install() -> None:
    """Answer in the place of MiniStack."""
    app.pin_request_origin = pin_request_origin
