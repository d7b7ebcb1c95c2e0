"""What boto knows of AWS's services, as we keep it."""

import pytest
from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ServiceModel

from liberty_cfn.deploy import models


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "KEPT", tmp_path / "kept")
    return tmp_path / "kept"


def read(service="s3", kind="service-2"):
    """Read as a process does that has read nothing yet."""
    return models.loader.__wrapped__().load_service_model(service, kind)


def told(service: ServiceModel) -> list:
    """What there is to know of a service, without the words that explain it."""
    operations = [service.operation_model(name) for name in service.operation_names]
    return [
        service.metadata,
        service.client_context_parameters,
        [(o.name, o.http, str(o.input_shape), str(o.output_shape)) for o in operations],
        [
            (shape.name, shape.type_name, shape.metadata, str(getattr(shape, "members", "")))
            for shape in map(service.shape_for, service.shape_names)
        ],
    ]


def test_what_is_kept_says_what_boto_says(kept):
    wanted = ServiceModel(Loader().load_service_model("s3", "service-2"))
    for _ in "written", "read":
        assert told(ServiceModel(read())) == told(wanted)
    assert list(kept.rglob("service-2"))


@pytest.mark.parametrize("kind", ["paginators-1", "waiters-2", "endpoint-rule-set-1"])
def test_the_other_files_are_kept_whole(kept, kind):
    wanted = Loader().load_service_model("s3", kind)
    assert [read(kind=kind), read(kind=kind)] == [wanted, wanted]


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_what_is_cut_off_is_read_anew(kept, size):
    read()
    [file] = kept.rglob("service-2")
    whole = file.read_bytes()
    file.write_bytes(whole[:size])
    assert "PutObject" in read()["operations"]
    assert file.read_bytes() == whole


def test_where_nothing_can_be_kept_it_is_read_all_the_same(kept):
    kept.write_text("a file where the folder should be")
    assert "PutObject" in read()["operations"]


def test_a_persons_own_models_count_as_they_are(kept, tmp_path, monkeypatch):
    file = tmp_path / "own" / "mine" / "2020-01-01" / "service-2.json"
    file.parent.mkdir(parents=True)
    monkeypatch.setattr(Loader, "CUSTOMER_DATA_PATH", str(tmp_path / "own"))
    for said in "first", "second":
        file.write_text(f'{{"metadata": {{"is": "{said}"}}}}')
        assert read("mine") == {"metadata": {"is": said}}
    assert not kept.exists()


def test_what_boto_does_not_know_is_said_as_boto_says_it(kept):
    with pytest.raises(UnknownServiceError):
        read("teapot")
    with pytest.raises(DataNotFoundError):
        read("s3", "teapots-1")
