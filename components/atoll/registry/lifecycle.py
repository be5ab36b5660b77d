"""Lifecycle policies of repositories: what two texts have in common when they mean the same. Pure.

Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
"""

import json
from typing import Any

BYTES = (100, 30720)
"""What ECR takes of a text. Source: the API's model (LifecyclePolicyText)."""
_LISTS = ("tagPrefixList", "tagPatternList")


def text(policy: Any) -> str:
    """A policy as it is sent. Spaces count for the least length that ECR takes, so that short ones get some."""
    if isinstance(policy, str):
        return policy
    short = json.dumps(policy, separators=(",", ":"))
    return short if len(short) >= BYTES[0] else json.dumps(policy, indent=2).ljust(BYTES[0])


def same(one: Any, other: Any) -> bool:
    """Whether two policies mean the same; what is no policy is compared as it is."""
    return bool(one == other or _meaning(one) == _meaning(other))


def problem(policy: Any) -> str | None:
    """What keeps a policy from being one, or None; what ECR alone can tell is left to it."""
    try:
        read = json.loads(policy) if isinstance(policy, str) else policy
    except ValueError as error:
        return f"found text that is no JSON ({error}); expected a lifecycle policy"
    rules = read.get("rules") if isinstance(read, dict) else None
    if not isinstance(rules, list) or not rules or not all(isinstance(each, dict) for each in rules):
        return "found no rules; expected a lifecycle policy (a map with a list of rules)"
    for number, rule in enumerate(rules, start=1):
        if missing := sorted({"rulePriority", "selection", "action"} - rule.keys()):
            return f"found rule {number} without {' and '.join(missing)}; expected it in each"
    priorities = [rule["rulePriority"] for rule in rules]
    if twice := sorted({each for each in priorities if priorities.count(each) > 1}):
        return f"found rulePriority {twice[0]} twice; expected each once"
    if len(text(read)) > BYTES[1]:
        return f"found {len(text(read))} bytes; expected at most {BYTES[1]}"
    return None


def _meaning(policy: Any) -> Any:
    """A policy in the one form that all texts of the same meaning have: rules by priority, lists in order."""
    try:
        read = json.loads(policy) if isinstance(policy, str) else policy
    except ValueError:
        return policy
    if not isinstance(read, dict) or not isinstance(read.get("rules"), list):
        return read
    rules = [_rule(each) for each in read["rules"]]
    return {**read, "rules": sorted(rules, key=lambda each: json.dumps(each, sort_keys=True, default=str))}


def _rule(rule: Any) -> Any:
    if not isinstance(rule, dict) or not isinstance(rule.get("selection"), dict):
        return rule
    selection = dict(rule["selection"])
    for name in _LISTS:
        if isinstance(selection.get(name), list):
            selection[name] = sorted(map(str, selection[name]))
    return {**rule, "selection": selection}
