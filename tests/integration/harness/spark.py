"""Spark, one session for all tests that ask for it. `./dev setup witnesses` installs it."""

import pytest

from harness.paths import DEPS


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    from pyspark.sql import SparkSession  # only here: no other suite has it
    jar, = (DEPS / "spark-avro").glob("*.jar")
    place = tmp_path_factory.mktemp("spark")
    session = (SparkSession.builder.master("local[1]").config("spark.driver.memory", "1g").config("spark.ui.enabled", "false")
               .config("spark.jars", str(jar)).config("spark.driver.bindAddress", "127.0.0.1")
               .config("spark.driver.host", "127.0.0.1").config("spark.local.dir", str(place))
               .config("spark.sql.warehouse.dir", str(place / "warehouse")).config("spark.sql.session.timeZone", "UTC").getOrCreate())
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()
