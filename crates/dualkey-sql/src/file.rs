//! The file of a SQLite database, which can be replaced while it is in use.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sqlx::SqlitePool;

use crate::error::SqlError;

/// A pool whose connections are to the file that has the database's name now.
///
/// An open connection keeps the file that it opened, even after another file got its name (`mv`). This pool
/// compares the files before each use, and opens the new one. It refuses a new file beside the write-ahead
/// log of the old one, which SQLite would apply to it (<https://sqlite.org/howtocorrupt.html>, §2.2, §2.5).
pub(crate) struct FilePool {
    path: PathBuf,
    opened: Mutex<Opened>,
}

#[derive(Clone)]
struct Opened {
    /// None before the file exists, and for a database in memory.
    database: Option<FileId>,
    /// The files beside it while it was last in use.
    logs: [Option<FileId>; 2],
    pool: SqlitePool,
}

/// The device and the inode. They are not used again while a connection is open.
type FileId = (u64, u64);

impl FilePool {
    pub(crate) fn new(pool: SqlitePool) -> Self {
        let options = pool.connect_options();
        let path = options.get_filename();
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let opened = Opened { database: file_id(&path).ok(), logs: [None; 2], pool };
        Self { path, opened: Mutex::new(opened) }
    }

    pub(crate) fn of_one_connection(&self) -> Self {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let pool = open_again(&opened.pool, 1);
        Self { path: self.path.clone(), opened: Mutex::new(Opened { pool, ..opened }) }
    }

    /// The pool of connections to the current file.
    ///
    /// # Errors
    ///
    /// [`SqlError::Unreachable`] if there is no file, or if it must not be opened.
    pub(crate) fn current(&self) -> Result<SqlitePool, SqlError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        match (opened.database, file_id(&self.path)) {
            (Some(_), Err(error)) => return Err(SqlError::Unreachable(error.to_string())),
            (Some(old), Ok(new)) if old != new => {
                self.refuse_logs(&opened.logs)?;
                tracing::warn!("the database file was replaced: the new one is opened");
                opened.pool = open_again(&opened.pool, opened.pool.options().get_max_connections());
                opened.database = Some(new);
            }
            (_, found) => opened.database = found.ok(),
        }
        opened.logs = self.logs().map(|log| file_id(&log).ok());
        Ok(opened.pool.clone())
    }

    /// Refuses a new file if one of these logs of the old file lies beside it.
    fn refuse_logs(&self, old: &[Option<FileId>; 2]) -> Result<(), SqlError> {
        let is_old = |log: &PathBuf| file_id(log).is_ok_and(|id| old.contains(&Some(id)));
        let Some(log) = self.logs().into_iter().find(is_old) else { return Ok(()) };
        Err(SqlError::Unreachable(format!(
            "the database file was replaced, but {} belongs to the old file: remove it",
            log.display()
        )))
    }

    /// The write-ahead log and its index. SQLite keeps them beside the target of a symbolic link.
    fn logs(&self) -> [PathBuf; 2] {
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        ["-wal", "-shm"].map(|ending| {
            let mut log = path.clone().into_os_string();
            log.push(ending);
            log.into()
        })
    }
}

/// A pool with the same options and without a connection yet.
fn open_again(pool: &SqlitePool, connections: u32) -> SqlitePool {
    let options = pool.options().clone().min_connections(0).max_connections(connections);
    options.connect_lazy_with(pool.connect_options().as_ref().clone())
}

#[cfg(unix)]
fn file_id(path: &Path) -> io::Result<FileId> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Other systems do not replace a file that is in use.
#[cfg(not(unix))]
fn file_id(path: &Path) -> io::Result<FileId> {
    fs::metadata(path).map(|_| (0, 0))
}
