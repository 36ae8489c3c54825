"""What the layer can do without: descriptions of AWS services that the app never calls.

botocore describes every AWS service in files, 2,000 of them; unpacking them is most of a cold start.
"""

from collections.abc import Mapping

CALLED_SERVICES = frozenset({"dynamodb", "kinesis", "s3", "secretsmanager", "sns", "sqs", "sts"})
"""Services whose boto3 clients work in Lambda. A test holds this against the clients the app makes."""

SDK_DATA = ("botocore/data/", "boto3/data/")


def slim(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return a layer's files without the descriptions of services that are not called."""
    return {name: content for name, content in files.items() if _is_used(name)}


def _is_used(name: str) -> bool:
    data = next((folder for folder in SDK_DATA if folder in name), None)
    if data is None:
        return True
    service, below, _ = name.split(data, 1)[1].partition("/")
    return not below or service in CALLED_SERVICES
