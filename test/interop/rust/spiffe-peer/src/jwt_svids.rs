//! JWT-SVIDs from the Workload API, verified and reported as JSON.

use std::error::Error;

use serde_json::{Value, json};
use spiffe::{JwtSvid, SpiffeId, WorkloadApiClient};
use time::format_description::well_known::Rfc3339;

use crate::Outcome;
use crate::settings::Settings;

/// Each is verified with the JWT bundles, as a relying party would.
pub async fn fetch(settings: &Settings) -> Outcome {
    let client = WorkloadApiClient::connect_to(&settings.socket).await?;
    let subject = settings.subject.as_deref().map(SpiffeId::new).transpose()?;
    let svids = client
        .fetch_all_jwt_svids(&settings.audience, subject.as_ref())
        .await?;
    let bundles = client.fetch_jwt_bundles().await?;
    let mut verified = Vec::new();
    for svid in &svids {
        let mut described = describe(&JwtSvid::parse_and_validate(
            svid.token(),
            &bundles,
            &settings.audience,
        )?)?;
        described["hint"] = Value::from(svid.hint());
        verified.push(described);
    }
    println!("{}", json!({ "jwtSvids": verified }));
    Ok(())
}

/// By the Workload API itself.
pub async fn validate(settings: &Settings) -> Outcome {
    let client = WorkloadApiClient::connect_to(&settings.socket).await?;
    let token = settings.token.as_deref().unwrap_or_default();
    let svid = client
        .validate_jwt_token(&settings.audience[0], token)
        .await?;
    println!("{}", json!({ "jwtSvids": [describe(&svid)?] }));
    Ok(())
}

fn describe(svid: &JwtSvid) -> Result<Value, Box<dyn Error>> {
    Ok(json!({
        "spiffeId": svid.spiffe_id().to_string(),
        "audience": svid.audience(),
        "expiry": svid.expiry().format(&Rfc3339)?,
        "token": svid.token(),
    }))
}
