"""Settings of questions in SQL."""

from pydantic import ByteSize, Field

from millrace_service.settings import Settings


class QuerySettings(Settings):
    """Limits of a statement that a person or a model wrote, and of how many run at once."""

    query_seconds: float = Field(10.0, ge=1, le=600, description="How long a statement may run.")
    query_memory_bytes: ByteSize = Field(ByteSize(1 * 2**30), ge=2**20, description="Memory that a statement may take.")
    query_read_rows: int = Field(500_000_000, ge=1, description="Rows that a statement may read.")
    query_read_bytes: ByteSize = Field(ByteSize(50 * 2**30), ge=1, description="Bytes that a statement may read.")
    query_result_rows: int = Field(10_000, ge=1, description="Rows of an answer; `truncated` says where there were more.")
    query_result_bytes: ByteSize = Field(ByteSize(32 * 2**20), ge=1, description="Bytes of an answer, likewise.")
    query_file_rows: int = Field(1_000_000, ge=1, description="Rows of an answer as a file (CSV, JSON lines, Arrow, Parquet).")
    query_file_bytes: ByteSize = Field(
        ByteSize(256 * 2**20), ge=1, description="Bytes of such an answer. Arrow, Parquet and CSV are whole in memory once."
    )
    query_threads: int = Field(2, ge=1, le=64, description="Threads that a statement may use.")
    query_concurrency: int = Field(
        4, ge=1, description="Statements that run at once; more wait for their turn, one of each tenant after the other."
    )
    query_concurrency_per_tenant: int = Field(2, ge=1, description="Statements of one tenant that run at once.")
    query_wait_seconds: float = Field(
        2.0, ge=0, description="How long a statement may wait for its turn; then it is answered 429."
    )
