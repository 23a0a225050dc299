"""Asks DuckDB or Spark the questions of forms.py, in a process of its own, and tells the CPU time that each answer took.

    readers.py duckdb|spark < job > answers

The job is {"kind": "gateway", "rounds": 3, "files": {format: [name, ...]}, "directory": ...}. There is a line of JSON for each answer:
{"round": 0, "format": ..., "question": "filtered", "cpu_s": ..., "answer": [...]}. Round 0 warms up. An engine has one thread for
its work, but the JVM compiles and collects on others, and their time counts.
"""

import json
import re
import sys
import time
from pathlib import Path

from forms import KINDS, Form

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from harness.paths import DEPS  # noqa: E402
from harness.process import cpu_seconds  # noqa: E402


class DuckDb:
    def __init__(self, directory: Path):
        import duckdb
        self.connection = duckdb.connect()
        self.connection.execute("SET threads = 1")
        self.cpu_seconds = time.process_time

    def prepare(self, form: Form, files: list[str]):
        self.form, self.files = form.duckdb, repr(files)

    def ask(self, question: str) -> list:
        return list(self.connection.execute(getattr(self.form, question)(self.files)).fetchone())

    def close(self):
        self.connection.close()


class Spark:
    def __init__(self, directory: Path):
        from pyspark.sql import SparkSession
        jars = ",".join(map(str, (DEPS / "spark-avro").glob("*.jar")))
        builder = SparkSession.builder.master("local[1]")
        for key, value in {"spark.driver.memory": "2g", "spark.ui.enabled": "false", "spark.driver.bindAddress": "127.0.0.1",
                           "spark.driver.host": "127.0.0.1", "spark.local.dir": str(directory), "spark.jars": jars,
                           "spark.sql.warehouse.dir": str(directory / "warehouse"),
                           "spark.sql.session.timeZone": "UTC"}.items():
            builder = builder.config(key, value)
        self.session = builder.getOrCreate()
        self.session.sparkContext.setLogLevel("ERROR")
        pid = self.session.sparkContext._jvm.java.lang.ProcessHandle.current().pid()
        self.cpu_seconds = lambda: cpu_seconds(pid)

    def prepare(self, form: Form, files: list[str]):
        """`json(schema)` and its like become views: what Spark's own SQL says of files has no place for a schema."""
        self.form = form.spark
        for relation in {self.form.source, self.form.whole}:
            kind, schema = re.fullmatch(r"(\w+)\((.*)\)", relation).groups()
            reader = self.session.read.format(kind)
            (reader.schema(schema) if schema else reader).load(files).createOrReplaceTempView(view(relation))

    def ask(self, question: str) -> list:
        words = getattr(self.form, question)("")
        for relation in {self.form.source, self.form.whole}:
            words = words.replace(f"FROM {relation}", f"FROM {view(relation)}")
        return list(self.session.sql(words).collect()[0])

    def close(self):
        self.session.stop()


def view(relation: str) -> str:
    return "of_" + re.sub(r"\W+", "_", relation)


def main():
    job = json.load(sys.stdin)
    engine = {"duckdb": DuckDb, "spark": Spark}[sys.argv[1]](Path(job["directory"]))
    for number in range(job["rounds"] + 1):
        forms = list(job["files"])
        for form in forms if number % 2 == 0 else forms[::-1]:
            engine.prepare(KINDS[job["kind"]][form], job["files"][form])
            for question in ("filtered", "full"):
                before = engine.cpu_seconds()
                answer = engine.ask(question)
                print(json.dumps({"round": number, "format": form, "question": question, "cpu_s": engine.cpu_seconds() - before,
                                  "answer": answer}), flush=True)
    engine.close()


if __name__ == "__main__":
    main()
