"""Secret: a text that shows itself only when asked by name."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

#: What stands in a text where a secret was.
REDACTED = "***"

#: A shorter value cannot be redacted without tearing holes into every text, and is refused.
MIN_SECRET_LENGTH = 4


class Secret:
    """A secret text. `str`, `repr` and `format` give `***`; only `reveal()` gives the value.

    It cannot be pickled, and `json.dumps` refuses it; a pydantic model may declare a field of
    this type, which takes a text or a Secret and writes `***` into JSON. Two are equal when
    their values are; a Secret never equals a text. Empty is false.
    """

    __slots__ = ("_value",)
    _value: str

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"a secret is a text, not {type(value).__name__}")
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        """Return the value in clear: for the one place that hands it to the outside system."""
        return self._value

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret does not change")

    def __repr__(self) -> str:
        return f"Secret('{REDACTED}')"

    def __str__(self) -> str:
        return REDACTED

    def __format__(self, spec: str) -> str:
        return format(REDACTED, spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_octets(self._value), _octets(other._value))

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    # Any: the signature that the copy module asks for.
    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not pickled: send its value over a channel made for secrets")

    # Any: pydantic's own signature; the source type plays no part.
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        wrap = core_schema.no_info_after_validator_function(cls, core_schema.str_schema())
        return core_schema.json_or_python_schema(
            json_schema=wrap,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), wrap]),
            serialization=core_schema.plain_serializer_function_ser_schema(str, when_used="json"),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "format": "password", "writeOnly": True}


def secrets_in(value: object) -> Iterator[Secret]:
    """Yield the secrets inside a value, at every depth of its mappings, lists and tuples."""
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from secrets_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from secrets_in(item)


def holds_secret(value: object) -> bool:
    """Whether there is a secret inside a value, at any depth; an empty one counts."""
    return next(secrets_in(value), None) is not None


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
