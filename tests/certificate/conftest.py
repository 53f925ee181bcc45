"""One compiled library for all tests of certificates."""

import pytest

from tests.support.coq import Coq


@pytest.fixture(scope="session")
def coq(tmp_path_factory: pytest.TempPathFactory) -> Coq:
    return Coq(tmp_path_factory.mktemp("coq"))
