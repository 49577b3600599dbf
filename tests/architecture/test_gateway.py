"""Whatever stands in front of the services sends to ingestion what ingestion answers: the one table of routes."""

import re
from pathlib import Path

import pytest

from millrace_ingestion.protocols.routes import ROUTES, Route, gateway_patterns, ingress_prefixes, is_ingestion, route_of

_DEPLOY = Path(__file__).parents[2] / "deploy"


def test_the_gateway_has_the_table_of_routes() -> None:
    text = (_DEPLOY / "gateway/Caddyfile").read_text()
    found = re.search(r"@tracking path ((?:.*\\\n)*.*)\n", text)
    assert found is not None
    assert found[1].replace("\\", " ").split() == gateway_patterns()


def test_the_ingress_has_the_table_of_routes() -> None:
    text = (_DEPLOY / "helm/millrace/templates/ingress.yaml").read_text()
    found = re.search(r"range list ([^}]*)\}\}", text)
    assert found is not None
    assert re.findall(r'"([^"]+)"', found[1]) == ingress_prefixes()


def test_what_administers_is_the_consumers_and_the_page_reaches_it() -> None:
    caddy = (_DEPLOY / "gateway/Caddyfile").read_text()
    assert re.search(r"handle /admin/v1/\* \{\s+reverse_proxy consumer:8002\s", caddy)
    ingress = (_DEPLOY / "helm/millrace/templates/ingress.yaml").read_text()
    admin, everything = ingress.index("path: /admin/v1\n"), ingress.index("path: /\n")
    assert "-consumer, port" in ingress[admin:everything]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_each_path_is_known_with_a_slash_at_its_end_and_without(route: Route) -> None:
    path = re.sub(r"\{\w+\}", "demo", route.path)
    for each in (path, f"{path}/"):
        assert is_ingestion(each)
        found = route_of(each)
        assert found is not None
        assert found[0] is route
        assert found[1] == (("demo",) if path != route.path else ())


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/query",
        "/query/saved/demo/views/rows",
        "/query/history/demo",
        "/events/stream/demo",
        "/v1",
        "/v1/",
        "/v1/projects",
        "/v1/projects//settings",
        "/v1/nothing",
        "/x" * 50,
    ],
)
def test_other_paths_are_not_ingestions(path: str) -> None:
    assert not is_ingestion(path)


def test_no_path_stands_twice_in_the_table() -> None:
    paths = [route.path for route in ROUTES]
    assert len(set(paths)) == len(paths) > 15
