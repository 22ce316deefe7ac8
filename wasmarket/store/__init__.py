"""What is known of the market, in SQL: tables, queries, migrations. The only SQL of the project."""
