//! What the Workload API says, as JSON.

use std::error::Error;

use pem_rfc7468::LineEnding;
use serde_json::{Map, Value, json};
use spiffe::{Certificate, WorkloadApiClient, X509BundleSet, X509Context, X509Source, X509Svid};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use x509_parser::parse_x509_certificate;

use crate::Outcome;
use crate::settings::Settings;

pub async fn fetch(settings: &Settings) -> Outcome {
    let client = WorkloadApiClient::connect_to(&settings.socket).await?;
    println!("{}", describe(&client.fetch_x509_context().await?)?);
    Ok(())
}

pub async fn bundles(settings: &Settings) -> Outcome {
    let client = WorkloadApiClient::connect_to(&settings.socket).await?;
    let mut answer =
        json!({ "authoritiesPem": authorities_pem(&client.fetch_x509_bundles().await?)? });
    match client.fetch_jwt_bundles().await {
        Ok(set) => {
            let key_ids = set.iter().map(|(trust_domain, bundle)| {
                let ids = bundle
                    .jwt_authorities()
                    .map(|authority| Value::from(authority.key_id()));
                (trust_domain.to_string(), ids.collect())
            });
            answer["jwtKeyIds"] = Value::Object(key_ids.collect());
        }
        // An authority without JWT keys is worth an answer, not an end.
        Err(error) => answer["jwtError"] = Value::from(error.to_string()),
    }
    println!("{answer}");
    Ok(())
}

/// By the crate's `X509Source`, which reconnects by itself; its client's own stream does not.
pub async fn watch(settings: &Settings) -> Outcome {
    let source = X509Source::builder()
        .endpoint(&settings.socket)
        .build()
        .await?;
    let mut updates = source.updated();
    println!("{}", describe(source.x509_context()?.as_ref())?);
    let mut seen = 1;
    while settings.count == 0 || seen < settings.count {
        updates.changed().await?;
        println!("{}", describe(source.x509_context()?.as_ref())?);
        seen += 1;
    }
    source.shutdown().await;
    Ok(())
}

fn describe(context: &X509Context) -> Result<Value, Box<dyn Error>> {
    let svids = context
        .svids()
        .iter()
        .map(|svid| describe_svid(svid))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "svids": svids, "authoritiesPem": authorities_pem(context.bundle_set())? }))
}

fn describe_svid(svid: &X509Svid) -> Result<Value, Box<dyn Error>> {
    let (_, leaf) = parse_x509_certificate(svid.leaf().as_bytes())?;
    let serial = leaf.serial.to_bytes_be();
    let time = |seconds: i64| -> Result<String, Box<dyn Error>> {
        Ok(OffsetDateTime::from_unix_timestamp(seconds)?.format(&Rfc3339)?)
    };
    Ok(json!({
        "spiffeId": svid.spiffe_id().to_string(),
        "hint": svid.hint(),
        "serial": serial.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        "notBefore": time(leaf.validity.not_before.timestamp())?,
        "notAfter": time(leaf.validity.not_after.timestamp())?,
        "chainPem": pem_of(svid.cert_chain())?,
        "chainLength": svid.cert_chain().len(),
    }))
}

fn authorities_pem(set: &X509BundleSet) -> Result<Map<String, Value>, Box<dyn Error>> {
    set.iter()
        .map(|(trust_domain, bundle)| {
            Ok((
                trust_domain.to_string(),
                Value::from(pem_of(bundle.authorities())?),
            ))
        })
        .collect()
}

fn pem_of(certificates: &[Certificate]) -> Result<String, Box<dyn Error>> {
    certificates
        .iter()
        .map(|one| {
            pem_rfc7468::encode_string("CERTIFICATE", LineEnding::LF, one.as_bytes())
                .map_err(|e| e.to_string().into())
        })
        .collect()
}
