"""The HTTP contract on both APIs of the local road: app.py on its port, and the packaged Lambda."""

import pytest
import requests
from http_cases import CASES, Case
from local_road import LocalRoad

pytestmark = pytest.mark.road


@pytest.fixture(scope="module")
def packaged_api(road: LocalRoad) -> str:
    """Return the address of the app that CloudFormation deployed."""
    return str(road.status()["packaged_api"])


def _ask(base: str, case: Case) -> requests.Response:
    return requests.request(case.method, base + case.path, data=case.body, headers=dict(case.headers), timeout=30)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_app_on_its_port(api: str, case: Case) -> None:
    """Every case gets its status and its answer, as JSON."""
    answer = _ask(api, case)
    assert (answer.status_code, case.holds(answer.json())) == (case.status, True), answer.text[:1000]


@pytest.mark.parametrize("case", [case for case in CASES if not case.mangled], ids=lambda case: case.name)
def test_packaged_app(packaged_api: str, case: Case) -> None:
    """The packaged Lambda behind the emulated API Gateway answers the same."""
    answer = _ask(packaged_api, case)
    assert (answer.status_code, case.holds(answer.json())) == (case.status, True), answer.text[:1000]


def test_wrong_method(api: str) -> None:
    """A wrong method is named, with those that are right."""
    answer = requests.get(f"{api}/v1/events", timeout=30)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json()["error"]["type"] == "method_not_allowed"


def test_unknown_path(api: str) -> None:
    """An unknown path is refused as API Gateway refuses it."""
    answer = requests.get(f"{api}/v1/nothing", timeout=30)
    assert (answer.status_code, answer.json()) == (403, {"message": "Missing Authentication Token"})


def test_unknown_verb(api: str) -> None:
    """An unknown verb gets JSON, not the standard library's HTML."""
    answer = requests.request("BREW", f"{api}/v1/events", timeout=30)
    assert (answer.status_code, answer.headers["content-type"]) == (501, "application/json")


def test_chunked_body(api: str) -> None:
    """A chunked body arrives whole."""
    answer = requests.post(
        f"{api}/v1/events",
        data=iter([b'{"type":"order.placed","data":{"order_id":"c",', b'"amount":1,"currency":"EUR"}}']),
        headers={"content-type": "application/json"},
        timeout=30,
    )
    assert answer.status_code == 202
