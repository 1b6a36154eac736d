"""From the files of a configuration directory to a checked `Configuration`. Reads no file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import ValidationError

from shared.organisation.checks import Finding, findings
from shared.organisation.configuration import (
    ROSTER_PREFIX,
    SECTION_BYTES_MAX,
    SECTION_MODELS,
    Configuration,
    canonical_json,
    section_model,
)
from shared.organisation.partial import Partial
from shared.organisation.problems import ConfigurationInvalid, Path, Problem, path_text
from shared.organisation.reports import line_of, problems_of
from shared.organisation.yaml_text import YamlInvalid, load_yaml

if TYPE_CHECKING:
    from shared.organisation.words import Model

SUFFIXES = (".yaml", ".yml")


class _Source:
    """A section's content, and where its parts stand in its file."""

    def __init__(self, file: str, content: object, lines: Mapping[Path, int]) -> None:
        self.file = file
        self.content = content
        self.lines = lines

    def problem(self, path: Path, reason: str) -> Problem:
        return Problem(self.file, line_of(path, self.lines), path_text(path), reason)


def parse_sections(files: Mapping[str, str]) -> Configuration:
    """Parse and check the files of a configuration directory.

    Args:
        files: name relative to the directory (``desks.yaml``, ``rosters/london.yaml``) to text.

    Raises:
        ConfigurationInvalid: with every problem that was found, by file, line and path. Where a
            section is wrong in itself, checks across sections go on among the others.
    """
    problems: list[Problem] = []
    unread: list[str] = []
    sources: dict[str, _Source] = {}
    for file, text in files.items():
        section = file.rsplit(".", 1)[0]
        if not file.endswith(SUFFIXES) or section_model(section) is None:
            known = ", ".join(f"{name}.yaml" for name in SECTION_MODELS)
            reason = f"not a file of a configuration; those are {known}, {ROSTER_PREFIX}DESK.yaml"
            problems.append(Problem(file, 0, "", reason))
        elif section in sources:
            reason = f"the section {section} is also in {sources[section].file}"
            problems.append(Problem(file, 0, "", reason))
        else:
            try:
                document = load_yaml(text)
            except YamlInvalid as error:
                problems.append(Problem(file, error.line, "", error.reason))
                unread.append(section)
            else:
                sources[section] = _Source(file, document.content, document.lines)
    return _checked(sources, problems, unread)


def validate_sections(sections: Mapping[str, object]) -> Configuration:
    """Check sections given as content, as they come over HTTP, just as strictly as files.

    Raises:
        ConfigurationInvalid: with every problem that was found, by section and path.
    """
    problems = [
        Problem(name, 0, "", "not a section of a configuration")
        for name in sections
        if section_model(name) is None
    ]
    sources = {
        name: _Source(name, content, {})
        for name, content in sections.items()
        if section_model(name) is not None
    }
    return _checked(sources, problems)


def _checked(
    sources: Mapping[str, _Source], problems: list[Problem], unread: Collection[str] = ()
) -> Configuration:
    """Return the configuration of readable sources; ``unread`` names those that are not even YAML."""
    models: dict[str, Model] = {}
    for section, source in sources.items():
        model = section_model(section)
        if model is None:
            continue
        try:
            models[section] = model.model_validate(source.content)
        except ValidationError as error:
            problems += problems_of(error, source.content, file=source.file, lines=source.lines)
    if problems:
        wrong = [*unread, *(section for section in sources if section not in models)]
        partial = Partial.from_models(models).without(wrong)
        problems += (_problem(finding, sources) for finding in findings(partial))
        raise ConfigurationInvalid(problems)
    configuration = Configuration.from_models(models)
    problems = list(_found_across(configuration, sources))
    if problems:
        raise ConfigurationInvalid(problems)
    return configuration


def _problem(finding: Finding, sources: Mapping[str, _Source]) -> Problem:
    source = sources.get(finding.section)
    if source is None:
        # The fault is what a missing section lacks.
        source = _Source(f"{finding.section}.yaml", {}, {})
    return source.problem(finding.path, finding.reason)


def _found_across(
    configuration: Configuration, sources: Mapping[str, _Source]
) -> Iterator[Problem]:
    for finding in findings(configuration):
        yield _problem(finding, sources)
    for section, content in configuration.sections().items():
        size = len(canonical_json(content))
        if size > SECTION_BYTES_MAX:
            file = sources[section].file if section in sources else section
            reason = f"the section has {size:,} bytes of JSON; at most {SECTION_BYTES_MAX:,} travel"
            yield Problem(file, 0, "", reason)
