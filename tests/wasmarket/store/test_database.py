"""Opening a store: which URLs are ours, how writers and readers meet."""

import threading

import pytest
from sqlalchemy import text

from tests.wasmarket.store.stores import copy_store
from wasmarket.kernel.errors import ConfigError, MarketError, Unreachable
from wasmarket.kernel.units import Amount
from wasmarket.store.chain.state import fetch_account
from wasmarket.store.chain.writer import ChainWriter
from wasmarket.store.columns import AmountTooLarge
from wasmarket.store.database import open_database, sqlite_url
from wasmarket.store.enums import Uint
from wasmarket.store.errors import DamagedStore, Inconsistent, translated
from wasmarket.store.leader import Leader
from wasmarket.store.migrate import upgrade
from wasmarket.store.tables import AccountRow
from wasmarket.testing.fake_chain import fake_deployment

pytestmark = pytest.mark.unit

ANYONE = "0x" + "11" * 20


@pytest.mark.parametrize(
    "url", ["", "not a url", "mysql://host/name", "sqlite://", "sqlite:///:memory:"]
)
def test_open_database__url_not_ours__names_the_setting(url):
    with pytest.raises(ConfigError) as caught:
        open_database(url)

    assert caught.value.field == "store.url"
    assert caught.value.remedy


def test_open_database__password_in_a_bad_url__is_not_shown():
    with pytest.raises(ConfigError) as caught:
        open_database("mysql://me:secret@host/name")

    assert "secret" not in str(caught.value)


def test_open_database__file_where_the_folder_should_be__says_so(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="folder"):
        open_database(sqlite_url(tmp_path / "file" / "store.sqlite"))


def test_open_database__file_that_is_no_store__is_unreachable(tmp_path):
    (tmp_path / "store.sqlite").mkdir()
    database = open_database(sqlite_url(tmp_path / "store.sqlite"))

    with pytest.raises(Unreachable, match="cannot be opened"), database.read() as session:
        session.execute(text("SELECT 1"))


def test_write__error_inside__nothing_is_kept(database):
    broken = AccountRow(address=ANYONE, free=Amount(5), counter=None)
    good = AccountRow(address="0x" + "22" * 20, free=Amount(5), counter=Uint(0))
    with pytest.raises(Inconsistent) as caught, database.write() as session:
        session.add_all([good, broken])
    assert "SQL:" not in str(caught.value)
    assert "reindex" in caught.value.remedy

    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM account")) == 0


def test_read__another_writes_meanwhile__sees_one_state(database):
    with database.read() as session:
        before = fetch_account(session, ANYONE).free
        with database.write() as writer:
            writer.add(AccountRow(address=ANYONE, free=Amount(5), counter=Uint(0)))
        session.expire_all()
        assert fetch_account(session, ANYONE).free == before == 0

    with database.read() as session:
        assert fetch_account(session, ANYONE).free == 5


def test_write__many_threads_add_up__none_is_lost(database):
    with database.write() as session:
        session.add(AccountRow(address=ANYONE, free=Amount(0), counter=Uint(0)))

    def add() -> None:
        for _ in range(10):
            with database.write() as session:
                session.get_one(AccountRow, ANYONE).free += 1

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.read() as session:
        assert fetch_account(session, ANYONE).free == 40


@pytest.mark.parametrize("free", [-1, 2**63])
def test_amount__outside_of_64_signed_bits__is_refused_clearly(database, free):
    with pytest.raises(AmountTooLarge, match=str(free)), database.write() as session:
        session.add(AccountRow(address=ANYONE, free=Amount(free), counter=Uint(0)))


@pytest.mark.parametrize("counter", [0, 2**53, 2**256 - 1])
def test_uint256__any_value__comes_back(database, counter):
    with database.write() as session:
        session.add(AccountRow(address=ANYONE, free=Amount(2**63 - 1), counter=Uint(counter)))

    with database.read() as session:
        view = fetch_account(session, ANYONE)
    assert (view.free, view.counter) == (2**63 - 1, counter)


@pytest.mark.parametrize("counter", [-1, 2**256])
def test_uint256__out_of_range__is_refused(database, counter):
    with pytest.raises(AmountTooLarge), database.write() as session:
        session.add(AccountRow(address=ANYONE, free=Amount(0), counter=Uint(counter)))


def overwrite(path, start):
    """Write garbage into a file, from a place on."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\x5a" * (size - start))


@pytest.mark.parametrize("start", [0, 100, 4_096])
@pytest.mark.parametrize("use", ["read", "write", "upgrade", "lead", "follow"])
def test_store__damaged_file__is_said_with_what_to_do(template, tmp_path, start, use):
    copy_store(template, tmp_path / "store.sqlite").close()
    overwrite(tmp_path / "store.sqlite", start)
    database = open_database(sqlite_url(tmp_path / "store.sqlite"))

    def read():
        with database.read() as session:
            fetch_account(session, ANYONE)

    def write():
        with database.write() as session:
            session.add(AccountRow(address=ANYONE, free=Amount(0), counter=Uint(0)))

    uses = {
        "read": read,
        "write": write,
        "upgrade": lambda: upgrade(database),
        "lead": Leader(database, "indexer").acquire,
        "follow": ChainWriter(database, fake_deployment()).open,
    }
    with pytest.raises(DamagedStore) as caught:
        uses[use]()

    assert "backup" in caught.value.remedy
    assert "[" not in str(caught.value)
    database.close()


def test_store__tables_of_no_version__says_how_to_make_them(tmp_path):
    database = open_database(sqlite_url(tmp_path / "empty.sqlite"))

    with pytest.raises(ConfigError, match="tables") as caught, database.read() as session:
        fetch_account(session, ANYONE)

    assert "start one service" in caught.value.remedy


def test_store__file_that_nobody_may_write__says_to_check_its_rights(template, tmp_path):
    database = copy_store(template, tmp_path / "store.sqlite")
    with database.read() as session:
        session.execute(text("PRAGMA query_only = 1"))
        with pytest.raises(MarketError, match="written") as caught, translated():
            session.execute(text("DELETE FROM account"))

    assert "rights" in caught.value.remedy
    database.close()
