"""What an inventory asks of this machine, looked at before anything begins: the files that it names."""

from collections.abc import Iterator
from pathlib import Path

from atoll.charts import contents, values
from atoll.charts.findings import CHART
from atoll.core.errors import ArgsError, SettingsError, UnavailableError
from atoll.kubernetes import Kubeconfig
from atoll.platform import image_values, inventory
from atoll.platform.inventory import Inventory
from atoll.secrets import sops_forms
from atoll.secrets.sops_forms import Form


def preflight(declared: Inventory) -> None:
    """Looks whether every kubeconfig is there and has its context, and every sealed file, image's context and chart; nobody is asked.

    Charts on this machine have to take their values; others are looked at when they are rendered.

    Raises:
        UnavailableError: some files are not there, one line each.
        SettingsError: a chart does not take its values, one line for each of them.
    """
    named = [declared.control_plane.kubeconfig, *(each.kubeconfig for each in declared.clusters.values())]
    lines = [line for each in named if each and (line := _problem(each, declared.project))]
    files = [secret.sops for secret in declared.sealed_secrets.values()]
    lines += [line for each in files if each and (line := _unreadable(each, declared.project))]
    lines += [line for each in declared.images.values() if (line := _contextless(each, declared.project))]
    lines += [line for each in declared.publications.values() if (line := _chartless(each, declared.project))]
    if lines:
        raise UnavailableError("\n".join(lines))
    if keyless := list(_keyless(declared)):
        raise SettingsError(*keyless)
    wrong = [line for each in declared.publications.values() for line in _misnamed(each, declared.project)]
    wrong += [line for each in declared.releases.values() for line in _refused(each, declared)]
    if wrong:
        raise SettingsError(*wrong)


def _refused(release: inventory.Release, declared: Inventory) -> list[str]:
    """What a chart on this machine does not take of its values."""
    folder = release.folder(declared)
    if folder is None:
        return []
    try:
        chart = contents.read(declared.project / folder)
    except ArgsError as error:
        return [f"{release.declared}.chart.path: {_without(declared.project, error)}"]
    if chart.schema is None:
        return []
    given = image_values.filled(release.values, image_values.stand_ins(declared.image_repositories, "a"))
    whole = values.complete(chart.defaults, given)
    return [f"{release.declared}.{line}" for line in values.problems(chart.schema, whole)]


def _chartless(publication: inventory.Publication, project: Path) -> str | None:
    if (project / publication.chart / CHART).is_file():
        return None
    found = f"found {publication.chart!r}, without a {CHART}"
    return f"{publication.declared}.chart: {found}; expected the folder of a chart"


def _misnamed(publication: inventory.Publication, project: Path) -> list[str]:
    """The chart's own name, which the registry wants to be the repository's last part."""
    try:
        name = contents.read(project / publication.chart).name
    except ArgsError as error:
        return [f"{publication.declared}.chart: {_without(project, error)}"]
    if publication.repository.rpartition("/")[2] == name:
        return []
    found = f"found {publication.repository!r}, whose last part is not the chart's name"
    return [f"{publication.declared}.repository: {found}; expected .../{name}"]


def _without(project: Path, error: ArgsError) -> str:
    return str(error).removeprefix("chart: ").replace(f"{project}/", "")


def _problem(kubeconfig: inventory.Kubeconfig, project: Path) -> str | None:
    path = project / Path(kubeconfig.file).expanduser()
    try:
        Kubeconfig.read(path.read_text(), kubeconfig.context, path.parent)
    except OSError as error:
        found = f"{kubeconfig.file!r} ({error.strerror})"
        return (
            f"{kubeconfig.declared}.file: found {found}; expected a kubeconfig that can be read. Put it there"
        )
    except UnicodeDecodeError:
        return (
            f"{kubeconfig.declared}.file: found {kubeconfig.file!r}, which is no text; expected a kubeconfig"
        )
    except ArgsError as error:
        return f"{kubeconfig.declared}: {kubeconfig.file}: {str(error).removeprefix('kubeconfig: ')}"
    return None


def _contextless(image: inventory.Image, project: Path) -> str | None:
    if (project / image.context).is_dir():
        return None
    return f"{image.declared}: found {image.context!r}, which is no folder; expected what the image is built from"


def _keyless(declared: Inventory) -> Iterator[str]:
    """What images take of sealed files that is not in them. A file's keys stand open, and what is no such file has none."""
    for name, image in declared.images.items():
        for id_, (secret, key) in image.secrets.items():
            file = declared.sealed_secrets[secret].sops
            if file and key not in (known := _keys(declared.project / file.file)):
                yield (
                    f"{file.declared}: found no {key!r} in {file.file!r} ({', '.join(known) or 'nothing'}); expected it, "
                    f"since images.{name}.secrets.{id_} takes it"
                )


def _keys(path: Path) -> list[str]:
    try:
        return sorted(sops_forms.read(path.read_text(), Form.of(path.name))[0])
    except (ValueError, KeyError):
        return []


def _unreadable(file: inventory.SopsFile, project: Path) -> str | None:
    try:
        (project / file.file).read_text()
    except OSError as error:
        found = f"{file.file!r} ({error.strerror})"
        return f"{file.declared}: found {found}; expected a file that sops encrypted. Put it there"
    except UnicodeDecodeError:
        return f"{file.declared}: found {file.file!r}, which is no text; expected a file that sops encrypted"
    return None
