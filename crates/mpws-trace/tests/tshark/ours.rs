//! What we say, in the words of tshark; and a capture with every form of every option.

use std::{collections::BTreeMap, net::IpAddr};

use mpws_codec::mptcp::{
    AddAddr, AddressId, CapableFlags, CapableForm, DataSeq, Dss, JoinForm, Key, Mapping, MpCapable,
    MpFastclose, MpJoin, MpPrio, MpTcprst, MptcpOption, Nonce, RemoveAddr, ResetReason, SubflowSeq,
    Token, WireSeq,
};

type Fields = BTreeMap<&'static str, Vec<String>>;

/// The fields that tshark shows of these options.
pub fn fields(options: &[MptcpOption]) -> Fields {
    let mut fields = Fields::new();
    for option in options {
        let mut add = |name, value: &dyn ToString| {
            fields.entry(name).or_default().push(value.to_string());
        };
        add("subtype", &option.subtype().number());
        show(option, &mut add);
    }
    fields
}

fn show(option: &MptcpOption, add: &mut dyn FnMut(&'static str, &dyn ToString)) {
    match option {
        MptcpOption::MpCapable(capable) => show_capable(capable, add),
        MptcpOption::MpJoin(join) => show_join(join, add),
        MptcpOption::Dss(dss) => show_dss(dss, add),
        MptcpOption::AddAddr(announced) => {
            // RFC 6824 has the version of IP in these bits.
            if announced.reserved == 0 {
                add("echo", &u8::from(announced.echo));
            }
            add("addrid", &announced.id.0);
            match announced.address {
                IpAddr::V4(address) => add("ipv4", &address),
                IpAddr::V6(address) => add("ipv6", &address),
            }
            if let Some(port) = announced.port {
                add("port", &port);
            }
            if let Some(hmac) = announced.hmac {
                add("addaddrtrunchmac", &u64::from_be_bytes(hmac));
            }
        }
        MptcpOption::RemoveAddr(removed) => {
            for id in &removed.ids {
                add("addrid", &id.0);
            }
        }
        MptcpOption::MpPrio(prio) => {
            add(
                "flags",
                &(0x50 | prio.reserved << 1 | u8::from(prio.backup)),
            );
            add("backup.flag", &u8::from(prio.backup));
        }
        MptcpOption::MpFail { data_seq, .. } => add("rawdataseqno", &data_seq.0),
        MptcpOption::MpFastclose(close) => add("recvkey", &close.receiver_key.0),
        MptcpOption::MpTcprst(reset) => {
            let transient = u8::from(reset.transient);
            add("flags", &(0x80 | reset.reserved << 1 | transient));
            add("flag_T.flag", &transient);
            add("rst_reason", &reset.reason.0);
        }
        MptcpOption::Other { .. } => {}
    }
}

fn show_capable(capable: &MpCapable, add: &mut dyn FnMut(&'static str, &dyn ToString)) {
    add("version", &capable.version);
    add("flags", &capable.flags.0);
    add(
        "checksumreq.flags",
        &u8::from(capable.flags.checksum_required()),
    );
    add(
        "extensibility.flag",
        &u8::from(capable.flags.extensibility()),
    );
    // RFC 6824 does not know it.
    if capable.version > 0 {
        let no_join = capable.flags.no_join_to_source();
        add("nomoresubflows.flag", &u8::from(no_join));
    }
    if let Some(key) = capable.form.sender_key() {
        add("sendkey", &key.0);
    }
    if let Some(key) = capable.form.receiver_key() {
        add("recvkey", &key.0);
    }
    if let CapableForm::Data { length, .. } = capable.form {
        add("datalvllen", &length);
    }
}

fn show_join(join: &MpJoin, add: &mut dyn FnMut(&'static str, &dyn ToString)) {
    let mut start = |common: &JoinForm, nonce: Nonce| {
        add(
            "flags",
            &(0x10 | common.reserved << 1 | u8::from(common.backup)),
        );
        add("backup.flag", &u8::from(common.backup));
        add("addrid", &common.address.0);
        add("sendrand", &nonce.0);
    };
    match join {
        MpJoin::Syn {
            token,
            nonce,
            common,
        } => {
            start(common, *nonce);
            add("recvtok", &token.0);
        }
        MpJoin::SynAck {
            hmac,
            nonce,
            common,
        } => {
            start(common, *nonce);
            add("sendtrunchmac", &u64::from_be_bytes(*hmac));
        }
        MpJoin::Ack { hmac, .. } => {
            let digits: String = hmac.iter().map(|byte| format!("{byte:02x}")).collect();
            add("sendhmac", &digits);
        }
    }
}

fn show_dss(dss: &Dss, add: &mut dyn FnMut(&'static str, &dyn ToString)) {
    add("flags", &MptcpOption::Dss(*dss).build()[3]);
    add("datafin.flag", &u8::from(dss.data_fin));
    if let Some(ack) = dss.data_ack {
        add("rawdataack", &number(ack));
    }
    if let Some(mapping) = dss.mapping {
        add("rawdataseqno", &number(mapping.data_seq));
        add("subflowseqno", &mapping.subflow_seq.0);
        add("datalvllen", &mapping.length);
    }
}

fn number(seq: WireSeq) -> u64 {
    match seq {
        WireSeq::Short(low) => low.into(),
        WireSeq::Long(full) => full.0,
    }
}

/// Each option in each of its lengths, with every flag somewhere.
pub fn every_form() -> Vec<MptcpOption> {
    let mut forms = Vec::new();
    let (sender, receiver) = (Key(0x0102_0304_0506_0708), Key(0xf1f2_f3f4_f5f6_f7f8));
    let capable = [
        CapableForm::Bare,
        CapableForm::OneKey(sender),
        CapableForm::BothKeys { sender, receiver },
        CapableForm::Data {
            sender,
            receiver,
            length: 100,
            checksum: None,
        },
        CapableForm::Data {
            sender,
            receiver,
            length: 100,
            checksum: Some(0xbeef),
        },
    ];
    for (form, flags) in capable.into_iter().zip([0x01, 0x81, 0x21, 0x41, 0x80]) {
        let flags = CapableFlags(flags);
        forms.push(MptcpOption::MpCapable(MpCapable {
            version: 1,
            flags,
            form,
        }));
    }
    let nonce = Nonce(0xc1c2_c3c4);
    for backup in [false, true] {
        let common = JoinForm {
            address: AddressId(7),
            backup,
            reserved: 0,
        };
        let (token, hmac) = (Token(0xd1d2_d3d4), [0xa1; 8]);
        forms.push(MptcpOption::MpJoin(MpJoin::Syn {
            token,
            nonce,
            common,
        }));
        forms.push(MptcpOption::MpJoin(MpJoin::SynAck {
            hmac,
            nonce,
            common,
        }));
        forms.push(MptcpOption::MpPrio(MpPrio {
            backup,
            reserved: 0,
        }));
    }
    let hmac = std::array::from_fn(|index| index as u8);
    forms.push(MptcpOption::MpJoin(MpJoin::Ack { hmac, reserved: 0 }));
    forms.extend(every_dss().map(MptcpOption::Dss));
    let addresses: [IpAddr; 2] = ["10.0.2.1", "2001:db8::1"].map(|text| text.parse().expect("one"));
    for address in addresses {
        for port in [None, Some(8080)] {
            for hmac in [None, Some([0xb1; 8])] {
                let (id, echo) = (AddressId(3), hmac.is_none());
                forms.push(MptcpOption::AddAddr(AddAddr {
                    id,
                    echo,
                    address,
                    port,
                    hmac,
                    reserved: 0,
                }));
            }
        }
    }
    for ids in [vec![AddressId(1)], vec![AddressId(1), AddressId(255)]] {
        forms.push(MptcpOption::RemoveAddr(RemoveAddr { ids, reserved: 0 }));
    }
    let data_seq = DataSeq(0xe1e2_e3e4_e5e6_e7e8);
    forms.push(MptcpOption::MpFail {
        data_seq,
        reserved: 0,
    });
    forms.push(MptcpOption::MpFastclose(MpFastclose {
        receiver_key: receiver,
        reserved: 0,
    }));
    for reason in 0..=7 {
        let (reason, transient) = (ResetReason(reason), reason % 2 == 1);
        forms.push(MptcpOption::MpTcprst(MpTcprst {
            reason,
            transient,
            reserved: 0,
        }));
    }
    forms
}

/// All lengths of acknowledgement, sequence number and checksum, with and without DATA_FIN.
fn every_dss() -> impl Iterator<Item = Dss> {
    let long = WireSeq::Long(DataSeq(0x1112_1314_1516_1718));
    let seqs = [None, Some(WireSeq::Short(0x0102_0304)), Some(long)];
    seqs.into_iter().flat_map(move |data_ack| {
        seqs.into_iter().flat_map(move |data_seq| {
            [None, Some(0xbeef)].into_iter().map(move |checksum| Dss {
                data_ack,
                mapping: data_seq.map(|data_seq| Mapping {
                    data_seq,
                    subflow_seq: SubflowSeq(1),
                    length: 100,
                    checksum,
                }),
                data_fin: data_seq.is_some() && checksum.is_none(),
                reserved: 0,
            })
        })
    })
}

/// A pcap file of raw IPv4 packets, each with one of these options.
pub fn capture_of(options: &[MptcpOption]) -> Vec<u8> {
    let mut file = Vec::new();
    for field in [0xa1b2_3c4d_u32, 4 << 16 | 2, 0, 0, 1 << 16, 101] {
        file.extend(field.to_le_bytes());
    }
    for (port, option) in (40_000_u16..).zip(options) {
        let mut bytes = option.build();
        bytes.resize(bytes.len().next_multiple_of(4), 1);
        // tshark tells the forms of MP_JOIN apart by the flags, and we by the length.
        let flags = match option {
            MptcpOption::MpJoin(MpJoin::Syn { .. }) => SYN,
            MptcpOption::MpJoin(MpJoin::SynAck { .. }) => SYN | ACK,
            MptcpOption::MpTcprst(_) => RST | ACK,
            _ => ACK,
        };
        let mut packet = vec![
            0x45,
            0,
            0,
            (40 + bytes.len()) as u8,
            0,
            0,
            0,
            0,
            64,
            6,
            0,
            0,
        ];
        packet.extend([10, 0, 1, 1, 10, 0, 1, 2]);
        packet.extend([port.to_be_bytes(), 80_u16.to_be_bytes()].concat());
        packet.extend([1_000_u32.to_be_bytes(), 2_000_u32.to_be_bytes()].concat());
        packet.extend([(5 + bytes.len() as u8 / 4) << 4, flags, 4, 0, 0, 0, 0, 0]);
        packet.extend(bytes);
        let length = packet.len() as u32;
        for field in [1_700_000_000, u32::from(port), length, length] {
            file.extend(field.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}

const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
