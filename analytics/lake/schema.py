"""The columns of the lake, with Pinpoint's names (reference, section 9), and how they are kept in a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROWS_OF_GROUP = 256 * 1024

SCHEMA = pa.schema(
    [
        ("event_type", pa.string()),
        ("event_timestamp", pa.timestamp("ms")),  # UTC, as all; of a mail: when it was sent
        ("arrival_timestamp", pa.timestamp("ms")),  # when it happened
        ("client_id", pa.string()),  # the endpoint's Id
        ("endpoint_id", pa.int64()),  # the number by which it is erased
        ("position", pa.int64()),  # one for each event: its key
        ("app_id", pa.string()),
        ("campaign_id", pa.string()),
        ("campaign_activity_id", pa.string()),
        ("treatment_id", pa.string()),
        ("journey_id", pa.string()),
        ("journey_activity_id", pa.string()),
        ("session_id", pa.string()),
        ("link", pa.string()),
        ("link_number", pa.int32()),
        ("hit_class", pa.string()),
        ("user_agent", pa.string()),
        ("ip_address", pa.string()),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("metrics", pa.map_(pa.string(), pa.float64())),
    ]
)
# Texts of which a file holds few different ones.
_WORDS = (
    "event_type", "app_id", "campaign_id", "campaign_activity_id", "treatment_id", "journey_id", "journey_activity_id", "link",
    "hit_class", "user_agent",
)  # fmt: skip
_DICTIONARIES = [*_WORDS, "link_number", "attributes.key_value.key", "attributes.key_value.value", "metrics.key_value.key"]
_ENCODINGS = {
    "event_timestamp": "DELTA_BINARY_PACKED", "arrival_timestamp": "DELTA_BINARY_PACKED", "endpoint_id": "DELTA_BINARY_PACKED",
    "position": "DELTA_BINARY_PACKED", "client_id": "DELTA_BYTE_ARRAY", "session_id": "DELTA_BYTE_ARRAY",
    "ip_address": "DELTA_BYTE_ARRAY",
}  # fmt: skip


def writer(where: Any, schema: Any = SCHEMA) -> Any:
    """A ``pyarrow.parquet.ParquetWriter`` for a file object."""
    if schema is not SCHEMA:
        return pq.ParquetWriter(where, schema, compression="zstd", compression_level=6, store_schema=False)
    return pq.ParquetWriter(
        where, SCHEMA, compression="zstd", compression_level=6, use_dictionary=_DICTIONARIES, column_encoding=_ENCODINGS,
        store_schema=False,
    )  # fmt: skip


def write(path: Path, tables: Any, schema: Any = SCHEMA) -> None:
    """Write tables one after the other as a whole new file, in groups of rows of one size. Raises ``FileExistsError``."""
    with path.open("xb") as out:
        with writer(out, schema) as parquet:
            waiting: list[Any] = []
            count = 0
            for table in tables:
                waiting.append(table)
                count += table.num_rows
                if count >= ROWS_OF_GROUP:
                    whole = pa.concat_tables(waiting)
                    full = count - count % ROWS_OF_GROUP
                    parquet.write_table(whole.slice(0, full), row_group_size=ROWS_OF_GROUP)
                    waiting, count = [whole.slice(full)], count - full
            if count:
                parquet.write_table(pa.concat_tables(waiting), row_group_size=ROWS_OF_GROUP)
        out.flush()
        os.fsync(out.fileno())
