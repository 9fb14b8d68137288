//! One-time links and the sessions they open: how a person reaches their page without a password.
//!
//! Held in memory and by digest only: whoever reads the process's files finds nothing to use, and
//! a restart asks for new links. Each belongs to the API key that asked for it and opens nothing
//! once that key is withdrawn: whoever stole the key would otherwise keep what they made with it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sayso_consent::{SubjectId, Timestamp, choice::Authority};
use sha2::{Digest, Sha256};

use crate::{
    keys::{CryptoError, random},
    record::Hash,
};

/// How long a link opens a page, unless said otherwise: 10 minutes, in milliseconds.
pub const LINK_MS: i64 = 10 * 60 * 1_000;
/// Longest life of a link: a day, in milliseconds.
pub const LINK_MS_MAX: i64 = 24 * 3_600 * 1_000;
/// How long a session lasts without being used: 30 minutes, in milliseconds.
pub const SESSION_MS: i64 = 30 * 60 * 1_000;
/// How long a session lasts however much it is used: 12 hours, in milliseconds. A page that loads
/// itself again would otherwise keep one open for ever.
pub const SESSION_MS_MAX: i64 = 12 * 3_600 * 1_000;
/// Most links and sessions at a time; the oldest go first.
pub const DOORS_MAX: usize = 100_000;

/// Who comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visitor {
    /// A person, to their own page.
    Subject {
        /// Who.
        subject: SubjectId,
        /// Whether they may widen, or only narrow.
        authority: Authority,
    },
    /// An operator, to the overview.
    Operator,
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Whose.
    pub visitor: Visitor,
    /// What a form must carry to be believed (CSRF).
    pub form_token: String,
    /// The public name of the key that asked for the link; none if the program itself did.
    pub by: Option<String>,
    /// Until when it lasts at most.
    ends: i64,
}

/// A link that was not used yet.
struct Invited {
    visitor: Visitor,
    by: Option<String>,
    until: i64,
}

#[derive(Default)]
struct Rooms {
    links: HashMap<Hash, Invited>,
    sessions: HashMap<Hash, (Session, i64)>,
}

/// The links and sessions of this process.
#[derive(Default)]
pub struct Door {
    rooms: Mutex<Rooms>,
}

fn digest(token: &str) -> Hash {
    Sha256::digest(token.as_bytes()).into()
}

fn token() -> Result<String, CryptoError> {
    Ok(hex::encode(random::<24>()?))
}

impl Door {
    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fresh link's token, good for `life_ms` from `at` and while the key `by` is, if it is bound
    /// to one.
    ///
    /// # Errors
    /// No random bytes.
    pub fn invite(
        &self,
        visitor: Visitor,
        by: Option<&str>,
        at: Timestamp,
        life_ms: i64,
    ) -> Result<String, CryptoError> {
        let token = token()?;
        let mut rooms = self.rooms();
        rooms.links.retain(|_, link| link.until > at.0);
        make_room(&mut rooms.links, |link| link.until);
        let until = at.plus_ms(life_ms.clamp(1, LINK_MS_MAX)).0;
        rooms.links.insert(digest(&token), Invited { visitor, by: by.map(str::to_owned), until });
        Ok(token)
    }

    /// Who a link is for, without using it up; none if its key is withdrawn.
    pub fn peek(
        &self,
        token: &str,
        at: Timestamp,
        has_key: impl Fn(&str) -> bool,
    ) -> Option<Visitor> {
        let rooms = self.rooms();
        let link = rooms.links.get(&digest(token))?;
        (link.until > at.0 && is_good(&link.by, has_key)).then_some(link.visitor)
    }

    /// Uses a link up and opens a session. Of two who come at once one is let in.
    ///
    /// # Errors
    /// No random bytes; the link is used up all the same.
    pub fn enter(
        &self,
        link: &str,
        at: Timestamp,
        has_key: impl Fn(&str) -> bool,
    ) -> Result<Option<(String, Session)>, CryptoError> {
        let mut rooms = self.rooms();
        let invited = rooms.links.remove(&digest(link));
        let Some(Invited { visitor, by, .. }) =
            invited.filter(|link| link.until > at.0 && is_good(&link.by, has_key))
        else {
            return Ok(None);
        };
        let key = token()?;
        let ends = at.plus_ms(SESSION_MS_MAX).0;
        let session = Session { visitor, form_token: token()?, by, ends };
        rooms.sessions.retain(|_, (_, until)| *until > at.0);
        make_room(&mut rooms.sessions, |(_, until)| *until);
        rooms.sessions.insert(digest(&key), (session.clone(), at.plus_ms(SESSION_MS).0));
        Ok(Some((key, session)))
    }

    /// The session of a key, and keeps it alive for a while, though never beyond its end; none if
    /// the key by which it came is withdrawn.
    pub fn session(
        &self,
        key: &str,
        at: Timestamp,
        has_key: impl Fn(&str) -> bool,
    ) -> Option<Session> {
        let mut rooms = self.rooms();
        let (session, until) = rooms.sessions.get_mut(&digest(key))?;
        if *until <= at.0 || !is_good(&session.by, has_key) {
            return None;
        }
        *until = at.plus_ms(SESSION_MS).0.min(session.ends);
        Some(session.clone())
    }

    /// The same without keeping it alive: for what a page asks for by itself. One that is left open
    /// would else hold the door open for whoever comes by later.
    pub fn look(
        &self,
        key: &str,
        at: Timestamp,
        has_key: impl Fn(&str) -> bool,
    ) -> Option<Session> {
        let rooms = self.rooms();
        let (session, until) = rooms.sessions.get(&digest(key))?;
        (*until > at.0 && is_good(&session.by, has_key)).then(|| session.clone())
    }

    /// Ends a session.
    pub fn leave(&self, key: &str) {
        self.rooms().sessions.remove(&digest(key));
    }
}

fn is_good(by: &Option<String>, has_key: impl Fn(&str) -> bool) -> bool {
    by.as_deref().is_none_or(has_key)
}

fn make_room<T>(places: &mut HashMap<Hash, T>, until: impl Fn(&T) -> i64) {
    while places.len() >= DOORS_MAX {
        let oldest = places.iter().min_by_key(|(_, place)| until(place)).map(|(key, _)| *key);
        oldest.and_then(|oldest| places.remove(&oldest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(_: &str) -> bool {
        true
    }

    fn none(_: &str) -> bool {
        false
    }

    #[test]
    fn a_link_opens_once_and_in_time() {
        let (door, at) = (Door::default(), Timestamp(1_000));
        let link = door.invite(Visitor::Operator, Some("k1"), at, LINK_MS).unwrap();
        let (key, _) = door.enter(&link, at, all).unwrap().unwrap();
        assert!(door.enter(&link, at, all).unwrap().is_none(), "twice");
        assert!(door.session(&key, at.plus_ms(SESSION_MS - 1), all).is_some());
        assert!(door.session(&key, at.plus_ms(2 * SESSION_MS), all).is_none(), "too late");
        let late = door.invite(Visitor::Operator, Some("k1"), at, LINK_MS).unwrap();
        assert!(door.enter(&late, at.plus_ms(LINK_MS), all).unwrap().is_none());
        assert!(door.peek(&late, at, all).is_none(), "a late try uses it up too");
    }

    #[test]
    fn nothing_opens_for_a_key_that_was_withdrawn() {
        let (door, at) = (Door::default(), Timestamp(1_000));
        let [used, unused] =
            ["k1", "k1"].map(|by| door.invite(Visitor::Operator, Some(by), at, LINK_MS).unwrap());
        let (key, session) = door.enter(&used, at, all).unwrap().unwrap();
        assert_eq!(session.by.as_deref(), Some("k1"));
        assert!(door.session(&key, at, |id| id == "k1").is_some());
        assert!(door.session(&key, at, none).is_none());
        assert!(door.peek(&unused, at, none).is_none());
        assert!(door.enter(&unused, at, none).unwrap().is_none());
        let own = door.invite(Visitor::Operator, None, at, LINK_MS).unwrap();
        assert!(door.peek(&own, at, none).is_some(), "the program's own belongs to no key");
    }

    #[test]
    fn to_be_looked_at_keeps_no_session_alive() {
        let (door, at) = (Door::default(), Timestamp(1_000));
        let link = door.invite(Visitor::Operator, Some("k1"), at, LINK_MS).unwrap();
        let (key, _) = door.enter(&link, at, all).unwrap().unwrap();
        assert!(door.look(&key, at.plus_ms(SESSION_MS - 1), all).is_some());
        assert!(door.look(&key, at, none).is_none());
        assert!(door.look(&key, at.plus_ms(SESSION_MS), all).is_none());
        assert!(door.session(&key, at.plus_ms(SESSION_MS), all).is_none());
    }

    #[test]
    fn a_session_ends_however_much_it_is_used() {
        let (door, at) = (Door::default(), Timestamp(1_000));
        let link = door.invite(Visitor::Operator, Some("k1"), at, LINK_MS).unwrap();
        let (key, _) = door.enter(&link, at, all).unwrap().unwrap();
        let is_open = |ms: &i64| door.session(&key, at.plus_ms(*ms), all).is_some();
        let minutes = (0..24 * 60).map(|minute| minute * 60_000);
        assert_eq!(minutes.take_while(is_open).count() as i64, SESSION_MS_MAX / 60_000);
    }
}
