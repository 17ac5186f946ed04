//! The names in a client's certificate.

use x509_cert::Certificate;
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, Utf8StringRef};
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::oid::db::rfc4519::CN;
use x509_cert::der::{Decode, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// Common names of the subject, then its alternative names (DNS, URI, mail). Empty for what is no certificate. The
/// signature was checked by whoever accepted the connection.
pub(crate) fn names(der: &[u8]) -> Vec<String> {
    let Ok(certificate) = Certificate::from_der(der) else {
        return Vec::new();
    };
    let body = certificate.tbs_certificate;
    let mut names = Vec::new();
    for part in body.subject.0.iter().flat_map(|parts| parts.0.iter()) {
        if part.oid != CN {
            continue;
        }
        let text = match part.value.tag() {
            Tag::Utf8String => part
                .value
                .decode_as::<Utf8StringRef<'_>>()
                .map(|text| text.to_string()),
            Tag::PrintableString => part
                .value
                .decode_as::<PrintableStringRef<'_>>()
                .map(|text| text.to_string()),
            _ => part
                .value
                .decode_as::<Ia5StringRef<'_>>()
                .map(|text| text.to_string()),
        };
        names.extend(text.ok());
    }
    let extensions = body.extensions.unwrap_or_default();
    let others = extensions
        .iter()
        .filter(|extension| extension.extn_id == SubjectAltName::OID)
        .filter_map(|extension| SubjectAltName::from_der(extension.extn_value.as_bytes()).ok())
        .flat_map(|found| found.0);
    for other in others {
        match other {
            GeneralName::DnsName(name)
            | GeneralName::UniformResourceIdentifier(name)
            | GeneralName::Rfc822Name(name) => {
                names.push(name.to_string());
            }
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    #[test]
    fn common_and_alternative_names_are_found() {
        let mut params = CertificateParams::new(vec!["cdc.example".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "operator-1");
        params
            .distinguished_name
            .push(DnType::OrganizationName, "not a name");
        params
            .subject_alt_names
            .push(SanType::URI("spiffe://shop/cdc".try_into().unwrap()));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(
            names(certificate.der()),
            ["operator-1", "cdc.example", "spiffe://shop/cdc"]
        );
        assert!(names(b"no certificate").is_empty());
    }
}
