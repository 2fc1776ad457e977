//! One store and its database.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use sha2::{Digest as _, Sha256};

use super::database::{Database, DatabaseError, Registered};
use super::keys::{self, Signed, StoreKey};
use super::nar::{self, NarError, NarHash};
use super::store_path::{Content, StorePath};
use crate::digest::to_hex;
use crate::fact::{Fact, Fault, NotEstablished};
use crate::{read, text};

/// Where a store is called so in its own database, wherever it lies.
pub(super) const NAME: &str = "/nix/store";
/// The database of the store there.
const DATABASE: &str = "/nix/var/nix/db/db.sqlite";
/// Where a database lies beside its store.
const BESIDE: &str = "var/nix/db/db.sqlite";
/// Most bytes of a file by whose content a path is named.
const MAX_FILE: u64 = 256 << 20;

/// Which store, and whom to believe about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreOptions {
    /// Its database, where the operator named one: the store is then beside it.
    pub(crate) database: Option<PathBuf>,
    /// Who may sign its paths.
    pub(crate) keys: Vec<StoreKey>,
}

/// What is established of one store path whose archive is the registered one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// SHA-256 of the archive, hex.
    pub(crate) nar: String,
    /// Its name is made from its content.
    pub(crate) named: bool,
    /// The trusted key that signed it.
    pub(crate) signer: Option<String>,
    /// Only root can write the database, or the two above hold without it.
    pub(crate) firm: bool,
}

/// A store. Each path is hashed once.
pub(crate) struct Store {
    folder: PathBuf,
    database: PathBuf,
    keys: Vec<StoreKey>,
    opened: OnceCell<Result<Database, DatabaseError>>,
    known: RefCell<BTreeMap<StorePath, Fact<Proof>>>,
}

impl Store {
    /// The store of `options`. Nothing is read yet.
    pub(crate) fn new(options: &StoreOptions) -> Self {
        let database = options.database.clone();
        let database = database.unwrap_or_else(|| PathBuf::from(DATABASE));
        // A database somewhere else is a copy: the store that it is about is where stores are.
        let beside = database.ends_with(BESIDE);
        let prefix = database.ancestors().nth(4).filter(|_| beside);
        let folder = prefix.map_or_else(|| PathBuf::from(NAME), |prefix| prefix.join("store"));
        Self {
            folder: folder.canonicalize().unwrap_or(folder),
            database,
            keys: options.keys.clone(),
            opened: OnceCell::new(),
            known: RefCell::default(),
        }
    }

    /// The folder in which the paths lie.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// How the database is shown.
    pub(crate) fn database(&self) -> String {
        text::visible(&self.database.to_string_lossy()).into_owned()
    }

    /// The store path in which `place` lies, after all links.
    pub(crate) fn path_of(&self, place: &Path) -> Option<StorePath> {
        StorePath::of(&self.folder, place)
    }

    /// What is established of `path`.
    ///
    /// # Errors
    /// [`NarError::Cancelled`] only.
    pub(crate) fn verify(
        &self,
        path: &StorePath,
        cancel: Option<&AtomicBool>,
    ) -> Result<Fact<Proof>, NarError> {
        if let Some(known) = self.known.borrow().get(path) {
            return Ok(known.clone());
        }
        let found = self.look(path, cancel)?;
        self.known.borrow_mut().insert(path.clone(), found.clone());
        Ok(found)
    }

    fn look(&self, path: &StorePath, cancel: Option<&AtomicBool>) -> Result<Fact<Proof>, NarError> {
        let open = |why: String| Fact::not_established(NotEstablished::NixStore, why);
        let shown = format!("{NAME}/{}", path.base());
        let database = match self.opened.get_or_init(|| Database::read(&self.database)) {
            Ok(database) => database,
            Err(why) => return Ok(open(format!("{} cannot be read: {why}", self.database()))),
        };
        let registered = match database.path(&shown) {
            Ok(Some(registered)) => registered,
            Ok(None) => {
                // A store can have another name, which its paths are made from.
                let own = self.folder.join(path.base());
                if !own.starts_with(NAME)
                    && matches!(database.path(&own.to_string_lossy()), Ok(Some(_)))
                {
                    let folder = text::visible(&self.folder.to_string_lossy()).into_owned();
                    return Ok(open(format!(
                        "{} is of a store with the name {folder}, and only those with the name {NAME} are judged",
                        self.database()
                    )));
                }
                let why = format!("{} does not know {shown}", self.database());
                return Ok(Fact::violated(None, why));
            }
            Err(why) => return Ok(open(format!("{} {why}", self.database()))),
        };
        let now = match nar::hash(&self.folder.join(path.base()), cancel) {
            Ok(now) => now,
            Err(NarError::Cancelled) => return Err(NarError::Cancelled),
            Err(error) => return Ok(open(format!("{shown} cannot be hashed: {error}"))),
        };
        Ok(self.judge(path, &registered, now))
    }

    fn judge(&self, path: &StorePath, registered: &Registered, now: NarHash) -> Fact<Proof> {
        let found = to_hex(&now.sha256);
        let sizes = registered.bytes.is_none_or(|bytes| bytes == now.bytes);
        if registered.sha256 != now.sha256 || !sizes {
            return Fact::violated(
                None,
                format!(
                    "{}: sha256:{} is registered, and its archive has sha256:{found}",
                    registered.path,
                    to_hex(&registered.sha256)
                ),
            );
        }
        let named = match self.is_named(path, registered, &now.sha256) {
            Ok(named) => named,
            Err(why) => return Fact::violated(None, why),
        };
        let signer = match keys::signed(registered, &self.keys) {
            Signed::By(key) => Some(key),
            Signed::No => None,
            Signed::Invalid(key) => {
                return Fact::violated(
                    Fault::Signature,
                    format!(
                        "the signature of {} by {key} does not hold",
                        registered.path
                    ),
                );
            }
        };
        let firm = named || signer.is_some() || self.is_roots();
        Fact::Verified(Proof {
            nar: found,
            named,
            signer,
            firm,
        })
    }

    /// Whether the name of a path is made from its content; what is wrong where it should be and is not.
    fn is_named(
        &self,
        path: &StorePath,
        registered: &Registered,
        archive: &[u8; 32],
    ) -> Result<bool, String> {
        let Some(content) = registered.content.as_deref().and_then(Content::parse) else {
            return Ok(false);
        };
        let (place, shown) = (self.folder.join(path.base()), &registered.path);
        let same = match &content {
            Content::Archive(sha256) if !registered.references.contains(shown) => sha256 == archive,
            Content::Archive(_) => return Ok(false),
            Content::File { sha256, .. } => {
                let bytes =
                    read::bytes(&place, MAX_FILE).map_err(|why| format!("{shown} {why}"))?;
                Sha256::digest(&bytes).as_slice() == sha256
            }
        };
        if !same {
            return Err(format!(
                "{shown} does not have the content that {} says its name is made from",
                self.database()
            ));
        }
        match content.names(path, NAME, &registered.references) {
            Some(false) => Err(format!("the name {shown} is not made from its content")),
            named => Ok(named.unwrap_or(false)),
        }
    }

    /// Whether only root can write the database and the folder of the store, or put others in their places.
    fn is_roots(&self) -> bool {
        let Ok(real) = self.database.canonicalize() else {
            return false;
        };
        let places = [
            self.database.as_path(),
            real.as_path(),
            self.folder.as_path(),
        ];
        let all = places.into_iter().flat_map(Path::ancestors);
        let mut all = all.filter(|place| !place.as_os_str().is_empty());
        all.all(|place| {
            std::fs::metadata(place).is_ok_and(|found| {
                let sticky = found.is_dir() && found.mode() & 0o1000 != 0;
                // A store's folder is writable for the group that builds, and sticky. In another sticky folder nothing of root's can
                // be replaced; in the database's own, files can be put beside it.
                let others = match sticky {
                    true if place == self.folder => 0o002,
                    true if Some(place) != real.parent() => 0,
                    _ => 0o022,
                };
                found.uid() == 0 && found.mode() & others == 0
            })
        })
    }
}
