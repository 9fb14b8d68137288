//! One connection, from its first packet to its last.

use bytes::{Buf, Bytes, BytesMut};
use rumqttc::v5::mqttbytes::{
    Error as PacketError, QoS,
    v5::{
        ConnAck, Connect, ConnectProperties, ConnectReturnCode, DisconnectReasonCode, Filter,
        Login as Account, Packet, PingReq, Publish, PublishProperties, Subscribe,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Duration, Instant, timeout},
};

use super::config::Login;
use crate::guard::door::{Door, Link};

/// The longest packet that is read.
const PACKET_BYTES_MAX: u32 = 1024 * 1024;
/// Most messages that are under way without an acknowledgement.
const WINDOW_MAX: usize = 100;
/// After so long without a packet the broker may hang up.
const KEEP_ALIVE_SECONDS: u16 = 30;
/// After so long a connection is not used again: nobody kept it alive.
const IDLE: Duration = Duration::from_secs(20);

const CLOUD_EVENT: &str = "application/cloudevents+json";

/// The acknowledgement of a packet: a type of its own, whose reasons the library does not all know.
const ACKNOWLEDGEMENT: u8 = 4;
/// The reason of an acknowledgement, and of a disconnection, that a message is too long.
pub(super) const TOO_LARGE: u8 = 0x95;

/// Why a connection is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// A class of failure.
    Class(&'static str),
    /// The broker hung up on a message for its length.
    TooLarge,
}

/// A connection.
pub(super) struct Session {
    link: Box<dyn Link>,
    unread: BytesMut,
    packet_bytes_max: Option<u32>,
    window: usize,
    used: Instant,
    /// What the broker said when it let us in.
    pub(super) welcome: ConnAck,
}

/// What a broker said.
enum Said {
    Acknowledged { number: u16, reason: u8 },
    Other(Box<Packet>),
}

impl Session {
    pub(super) async fn open(door: &Door, login: &Login) -> Result<Self, String> {
        let link = door.open().await.map_err(|shut| shut.to_string())?;
        let welcomed = timeout(door.patience(), Self::enter(link, login)).await;
        welcomed.map_err(|_| "timeout".to_owned())?.map_err(str::to_owned)
    }

    async fn enter(link: Box<dyn Link>, login: &Login) -> Result<Self, &'static str> {
        let mut properties = ConnectProperties::new();
        properties.max_packet_size = Some(PACKET_BYTES_MAX);
        let connect = Connect {
            keep_alive: KEEP_ALIVE_SECONDS,
            client_id: login.client_id.clone(),
            clean_start: true,
            properties: Some(properties),
        };
        let account = login.account.as_ref();
        let account = account.map(|(name, password)| Account::new(name, password.as_str()));
        let welcome = ConnAck {
            session_present: false,
            code: ConnectReturnCode::ServerUnavailable,
            properties: None,
        };
        let mut session = Self {
            link,
            unread: BytesMut::new(),
            packet_bytes_max: None,
            window: WINDOW_MAX,
            used: Instant::now(),
            welcome,
        };
        let class = |broken| match broken {
            Broken::Class(class) => class,
            Broken::TooLarge => "broken",
        };
        session.write(&[Packet::Connect(connect, None, account)]).await.map_err(class)?;
        let Packet::ConnAck(welcome) = session.next().await.map_err(class)? else {
            return Err("no_mqtt");
        };
        session.admitted(&welcome)?;
        session.welcome = welcome;
        Ok(session)
    }

    fn admitted(&mut self, welcome: &ConnAck) -> Result<(), &'static str> {
        match welcome.code {
            ConnectReturnCode::Success => {}
            ConnectReturnCode::BadUserNamePassword
            | ConnectReturnCode::NotAuthorized
            | ConnectReturnCode::BadAuthenticationMethod
            | ConnectReturnCode::Banned => return Err("credentials"),
            ConnectReturnCode::RefusedProtocolVersion
            | ConnectReturnCode::UnsupportedProtocolVersion => return Err("no_mqtt_5"),
            ConnectReturnCode::BadClientId | ConnectReturnCode::ClientIdentifierNotValid => {
                return Err("client_id");
            }
            _ => return Err("busy"),
        }
        let Some(properties) = &welcome.properties else { return Ok(()) };
        if properties.retain_available == Some(0) || properties.max_qos == Some(0) {
            return Err("no_retained_messages");
        }
        self.packet_bytes_max = properties.max_packet_size;
        let window = usize::from(properties.receive_max.unwrap_or(u16::MAX));
        self.window = window.clamp(1, WINDOW_MAX);
        Ok(())
    }

    /// Whether nothing speaks against using it again.
    pub(super) fn is_fresh(&self) -> bool {
        self.used.elapsed() < IDLE
    }

    /// Publishes messages, and says with which reason each was acknowledged.
    pub(super) async fn publish(&mut self, messages: Vec<Publish>) -> Result<Vec<u8>, Broken> {
        let mut reasons = Vec::with_capacity(messages.len());
        for window in messages.chunks(self.window) {
            reasons.extend(self.publish_window(window).await?);
        }
        self.used = Instant::now();
        Ok(reasons)
    }

    async fn publish_window(&mut self, messages: &[Publish]) -> Result<Vec<u8>, Broken> {
        let mut reasons = vec![None; messages.len()];
        let mut packets = Vec::with_capacity(messages.len());
        for ((number, message), reason) in (1..).zip(messages).zip(&mut reasons) {
            let packet = Packet::Publish(Publish { pkid: number, ..message.clone() });
            if self.packet_bytes_max.is_some_and(|most| packet.size() > most as usize) {
                *reason = Some(TOO_LARGE);
            } else {
                packets.push(packet);
            }
        }
        self.write(&packets).await?;
        while reasons.iter().any(Option::is_none) {
            if let Said::Acknowledged { number, reason } = self.read().await? {
                let place = usize::from(number).checked_sub(1).and_then(|at| reasons.get_mut(at));
                *place.ok_or(Broken::Class("broken"))? = Some(reason);
            }
        }
        Ok(reasons.into_iter().flatten().collect())
    }

    /// Asks for all retained messages that fit a filter. What comes is told by [`Self::next`].
    pub(super) async fn subscribe(&mut self, filter: &str) -> Result<(), Broken> {
        let mut subscribe = Subscribe::new(Filter::new(filter, QoS::AtMostOnce), None);
        subscribe.pkid = 1;
        self.write(&[Packet::Subscribe(subscribe), Packet::PingReq(PingReq)]).await
    }

    /// The next packet that is no acknowledgement.
    pub(super) async fn next(&mut self) -> Result<Packet, Broken> {
        loop {
            if let Said::Other(packet) = self.read().await? {
                return Ok(*packet);
            }
        }
    }

    async fn write(&mut self, packets: &[Packet]) -> Result<(), Broken> {
        let mut bytes = BytesMut::new();
        for packet in packets {
            packet.write(&mut bytes, None).map_err(|_| Broken::Class("broken"))?;
        }
        let written = async {
            self.link.write_all(&bytes).await?;
            self.link.flush().await
        };
        // A broker that hangs up says why before it does.
        if written.await.is_err() {
            return Err(self.read().await.err().unwrap_or(Broken::Class("broken")));
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<Said, Broken> {
        loop {
            if let Some(said) = self.parse()? {
                return Ok(said);
            }
            match self.link.read_buf(&mut self.unread).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Err(Broken::Class("broken")),
            }
        }
    }

    fn parse(&mut self) -> Result<Option<Said>, Broken> {
        if let Some(said) = acknowledgement(&mut self.unread) {
            return Ok(Some(said));
        }
        match Packet::read(&mut self.unread, Some(PACKET_BYTES_MAX)) {
            Ok(Packet::Disconnect(said)) => Err(match said.reason_code {
                DisconnectReasonCode::PacketTooLarge => Broken::TooLarge,
                DisconnectReasonCode::NotAuthorized => Broken::Class("credentials"),
                _ => Broken::Class("broken"),
            }),
            Ok(packet) => Ok(Some(Said::Other(Box::new(packet)))),
            Err(PacketError::InsufficientBytes(_)) => Ok(None),
            Err(_) => Err(Broken::Class("broken")),
        }
    }
}

/// An acknowledgement, if one stands complete at the beginning.
fn acknowledgement(unread: &mut BytesMut) -> Option<Said> {
    if unread.first()? >> 4 != ACKNOWLEDGEMENT {
        return None;
    }
    let (mut length, mut head) = (0_usize, 1);
    loop {
        let byte = *unread.get(head)?;
        length |= usize::from(byte & 0x7F) << (7 * (head - 1));
        head += 1;
        if byte & 0x80 == 0 || head > 4 {
            break;
        }
    }
    if length < 2 || unread.len() < head + length {
        return None;
    }
    let mut packet = unread.split_to(head + length);
    packet.advance(head);
    let number = packet.get_u16();
    // Without a reason it is success.
    Some(Said::Acknowledged { number, reason: packet.first().copied().unwrap_or(0) })
}

/// A message that the broker keeps, for so many seconds if they are given.
pub(super) fn retained(topic: String, body: Bytes, seconds: Option<u32>) -> Publish {
    let properties = PublishProperties {
        payload_format_indicator: Some(1),
        message_expiry_interval: seconds,
        content_type: Some(CLOUD_EVENT.to_owned()),
        ..PublishProperties::default()
    };
    let mut publish = Publish::new(topic, QoS::AtLeastOnce, body, Some(properties));
    publish.retain = true;
    publish
}

/// What takes a kept message away.
pub(super) fn cleared(topic: String) -> Publish {
    let mut publish = Publish::new(topic, QoS::AtLeastOnce, Bytes::new(), None);
    publish.retain = true;
    publish
}

#[cfg(test)]
#[test]
fn acknowledgements_are_read_whatever_they_say() {
    let read = |bytes: &[u8]| {
        let mut unread = BytesMut::from(bytes);
        let said = acknowledgement(&mut unread).map(|said| match said {
            Said::Acknowledged { number, reason } => (number, reason),
            Said::Other(_) => unreachable!("an acknowledgement"),
        });
        (said, unread.len())
    };
    assert_eq!(read(&[0x40, 2, 1, 2]), (Some((258, 0)), 0));
    assert_eq!(read(&[0x40, 3, 0, 7, TOO_LARGE, 0xC0]), (Some((7, TOO_LARGE)), 1));
    assert_eq!(read(&[0x40, 4, 0, 7, 0x87, 0]), (Some((7, 0x87)), 0));
    assert_eq!(read(&[0x40, 3, 0, 7]), (None, 4));
    assert_eq!(read(&[0xD0, 0]), (None, 2));
    assert_eq!(read(&[]), (None, 0));
}
