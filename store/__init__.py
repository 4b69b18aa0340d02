"""What must not be lost: engine, tables, and one module of plain functions per aggregate."""
