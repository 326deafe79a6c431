"""Is PostgreSQL there? ``python -m tests.postgres URL``: exit 0 yes; 3 no, said in one line; 1 no, and CI needs it."""

import sys

import dj_database_url
import psycopg

from config.settings import env


def main(url: str) -> int:
    """Try to connect."""
    parts = dj_database_url.parse(url)
    try:
        psycopg.connect(
            host=parts["HOST"],
            port=parts["PORT"] or 5432,
            user=parts["USER"],
            password=parts["PASSWORD"],
            dbname=parts["NAME"],
            connect_timeout=5,
        ).close()
    except psycopg.OperationalError as error:
        problem = str(error).splitlines()[0]
        if env("CI", ""):
            print(f"PostgreSQL is needed with CI set, and does not answer: {problem}", file=sys.stderr)
            return 1
        print(f"PostgreSQL does not answer ({problem}): the suite runs on SQLite alone.", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
