//! Where the servers are, and how a client logs in: the URL, read.

use std::path::PathBuf;
use std::sync::Arc;

use redis::{ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo};

#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) servers: Servers,
    pub(crate) login: RedisConnectionInfo,
    /// Whether connections are encrypted.
    pub(crate) is_encrypted: bool,
    /// A file in PEM with the root certificates to trust instead of the system's.
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Debug)]
pub(crate) enum Servers {
    Node(Endpoint),
    /// Sentinels, and the name under which they monitor the master.
    Sentinels {
        sentinels: Vec<Endpoint>,
        service: String,
        login: RedisConnectionInfo,
    },
    /// Some nodes of a cluster, which name the others.
    Cluster(Vec<Endpoint>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    Tcp(Arc<str>, u16),
    Unix(PathBuf),
}

const FORM: &str = "the address of shared limits must be redis://[user:password@]host[:port][/database], \
    the same with several hosts separated by commas for a cluster, \
    redis+sentinel://[user:password@]host[:port][,host…]/service[/database], or redis+unix:///path; \
    rediss encrypts; a character such as @, /, ? or # in a password is percent-encoded";
const SENTINEL_PORT: u16 = 26_379;

impl Address {
    /// Error texts never quote the URL, since it may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or(FORM)?;
        let (engine, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let is_encrypted = match engine {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" if kind != "unix" => true,
            _ => return Err(FORM.into()),
        };
        if rest.contains('#') {
            return Err(FORM.into());
        }
        if kind == "unix" {
            return Self::unix(rest);
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut query = Query::parse(query)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) =
            authority.rfind('@').map_or(("", authority), |at| authority.split_at(at + 1));
        let hosts = hosts.split(',');
        let is_cluster = kind == "cluster" || hosts.clone().count() > 1;

        let (servers, login) = match kind {
            "sentinel" => sentinels(login, hosts, path, &mut query)?,
            "" | "cluster" => {
                let (mut endpoints, login) = endpoints(login, hosts, path)?;
                match is_cluster {
                    true if login.db() != 0 => {
                        return Err("a cluster has no databases but 0".into());
                    }
                    true => (Servers::Cluster(endpoints), login),
                    false => (Servers::Node(endpoints.remove(0)), login),
                }
            }
            _ => return Err(FORM.into()),
        };
        let ca_file = query.take("ca_file").map(PathBuf::from);
        if ca_file.is_some() && !is_encrypted {
            return Err(
                "ca_file needs an encrypted connection: write rediss instead of redis".into()
            );
        }
        query.must_be_empty()?;
        Ok(Self { servers, login, is_encrypted, ca_file })
    }

    fn unix(rest: &str) -> Result<Self, String> {
        let info = format!("redis+unix://{rest}").into_connection_info().map_err(|_| FORM)?;
        let ConnectionAddr::Unix(path) = info.addr() else { return Err(FORM.into()) };
        let servers = Servers::Node(Endpoint::Unix(path.clone()));
        let login = info.redis_settings().clone().set_skip_set_lib_name();
        Ok(Self { servers, login, is_encrypted: false, ca_file: None })
    }
}

fn sentinels<'a>(
    login: &str,
    hosts: impl Iterator<Item = &'a str>,
    path: &str,
    query: &mut Query,
) -> Result<(Servers, RedisConnectionInfo), String> {
    let (service, database) = path.split_once('/').unwrap_or((path, ""));
    if service.is_empty() {
        let text = "name the master that the sentinels monitor: redis+sentinel://host/service";
        return Err(text.into());
    }
    let hosts = hosts.map(|host| match host.rsplit(']').next() {
        Some(end) if end.contains(':') => host.to_owned(),
        _ => format!("{host}:{SENTINEL_PORT}"),
    });
    let (sentinels, login) = endpoints(login, hosts, database)?;
    let mut sentinel_login = RedisConnectionInfo::default().set_skip_set_lib_name();
    if let Some(user) = query.take("sentinel_user") {
        sentinel_login = sentinel_login.set_username(user);
    }
    if let Some(password) = query.take("sentinel_password") {
        sentinel_login = sentinel_login.set_password(password);
    }
    let service = service.to_owned();
    Ok((Servers::Sentinels { sentinels, service, login: sentinel_login }, login))
}

/// The endpoints of these hosts, and the login, which they share.
fn endpoints(
    login: &str,
    hosts: impl Iterator<Item = impl AsRef<str>>,
    database: &str,
) -> Result<(Vec<Endpoint>, RedisConnectionInfo), String> {
    let mut endpoints = Vec::new();
    let mut settings = RedisConnectionInfo::default();
    for host in hosts {
        let url = format!("redis://{login}{}/{database}", host.as_ref());
        let info = url.into_connection_info().map_err(|_| FORM)?;
        let ConnectionAddr::Tcp(host, port) = info.addr() else { return Err(FORM.into()) };
        endpoints.push(Endpoint::Tcp(host.as_str().into(), *port));
        settings = info.redis_settings().clone();
    }
    Ok((endpoints, settings.set_skip_set_lib_name()))
}

/// The parameters of a URL that are not read yet.
struct Query(Vec<(String, String)>);

impl Query {
    fn parse(query: &str) -> Result<Self, String> {
        let url = redis::parse_redis_url(&format!("redis://host/?{query}")).ok_or(FORM)?;
        let pairs = url.query_pairs();
        Ok(Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(each, _)| each == name)?;
        Some(self.0.remove(index).1)
    }

    fn must_be_empty(&self) -> Result<(), String> {
        match self.0.first() {
            Some(_) => {
                Err("parameters of the address are ca_file with rediss, and sentinel_user and \
                 sentinel_password with redis+sentinel; others must be removed"
                    .into())
            }
            None => Ok(()),
        }
    }
}

impl Endpoint {
    /// Reads `host:port` as servers write it in redirects. A missing host is that of the server which answered.
    pub(crate) fn parse(text: &str, answered: &Self) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        Self::named(host.trim_matches(['[', ']']), port.parse().ok()?, answered)
    }

    /// The endpoint that a server names. An empty host is that of the server which answered, and `?` is none.
    pub(crate) fn named(host: &str, port: u16, answered: &Self) -> Option<Self> {
        match (host, answered) {
            ("?", _) | ("", Self::Unix(_)) => None,
            ("", Self::Tcp(host, _)) => Some(Self::Tcp(Arc::clone(host), port)),
            (host, _) => Some(Self::Tcp(host.into(), port)),
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Endpoint {
        Endpoint::Tcp(host.into(), port)
    }

    #[test]
    fn one_host_is_a_node_and_several_are_a_cluster() {
        let node = Address::parse("redis://user:p%40ss@localhost/3").unwrap();
        assert!(matches!(node.servers, Servers::Node(at) if at == tcp("localhost", 6379)));
        assert_eq!(node.login.username(), Some("user"));
        assert_eq!(node.login.password(), Some("p@ss"));
        assert_eq!(node.login.db(), 3);
        let cluster = Address::parse("valkeys://:secret@a:1,[::1]:2,10.0.0.1?ca_file=/ca").unwrap();
        assert!(cluster.is_encrypted);
        assert_eq!(cluster.ca_file, Some("/ca".into()));
        let Servers::Cluster(nodes) = cluster.servers else { panic!("{:?}", cluster.servers) };
        assert_eq!(nodes, [tcp("a", 1), tcp("::1", 2), tcp("10.0.0.1", 6379)]);
        let one = Address::parse("redis+cluster://a").unwrap();
        assert!(matches!(one.servers, Servers::Cluster(nodes) if nodes == [tcp("a", 6379)]));
    }

    #[test]
    fn sentinels_are_named_with_their_service() {
        let url = "redis+sentinel://u:p@a,b:5/main/2?sentinel_user=s&sentinel_password=t%26";
        let address = Address::parse(url).unwrap();
        assert_eq!((address.login.password(), address.login.db()), (Some("p"), 2));
        let Servers::Sentinels { sentinels, service, login } = address.servers else {
            panic!("no sentinels")
        };
        assert_eq!((sentinels, &*service), (vec![tcp("a", 26_379), tcp("b", 5)], "main"));
        assert_eq!((login.username(), login.password()), (Some("s"), Some("t&")));
    }

    #[test]
    fn an_error_says_what_to_write_and_no_password() {
        let wrong = [
            ("localhost", "redis://"),
            ("http://:secret@localhost", "redis://"),
            ("redis://:secret@local host", "percent-encoded"),
            ("redis://:secret@localhost/#insecure", "redis://"),
            ("redis://:secret@a,b/1", "databases"),
            ("redis://:secret@localhost/db", "redis://"),
            ("redis://:secret#@localhost", "percent-encoded"),
            ("redis://:secret@localhost?ca_file=/ca", "rediss"),
            ("rediss://:secret@localhost?verify=secret", "ca_file"),
            ("redis+sentinel://:secret@localhost", "/service"),
            ("rediss+unix:///run/socket?pass=secret", "redis+unix"),
            ("redis+proxy://:secret@localhost", "redis+sentinel"),
        ];
        for (url, advice) in wrong {
            let error = Address::parse(url).unwrap_err();
            assert!(error.contains(advice) && !error.contains("secret"), "{url}: {error}");
        }
    }

    #[test]
    fn a_redirect_without_a_host_is_to_the_same_host() {
        let answered = tcp("::1", 1);
        assert_eq!(Endpoint::parse("a:2", &answered), Some(tcp("a", 2)));
        assert_eq!(Endpoint::parse("::2:3", &answered), Some(tcp("::2", 3)));
        assert_eq!(Endpoint::parse(":4", &answered), Some(tcp("::1", 4)));
        assert_eq!(Endpoint::parse("?:5", &answered), None);
    }
}
