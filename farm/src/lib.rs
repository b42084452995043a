//! Starts, watches, retries and ends workers; keeps the journal.
