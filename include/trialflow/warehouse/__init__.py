"""Facts: rows → summaries. SQLAlchemy Core, so DuckDB on a folder of Parquet and PostgreSQL run the same statements."""
