//! Signs in and lists open positions.

use arbiter::proto::{user_service_client::UserServiceClient, AuthRequest, PositionsRequest};
use tonic::Request;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut client = UserServiceClient::connect("http://localhost:50051").await?;

    // Authenticate
    let response = client
        .authenticate(AuthRequest {
            user_id: "telegram:123456".to_string(),
            credential: "signature".to_string(),
        })
        .await?;
    let token = response.into_inner().access_token;

    // Make an authenticated request
    let mut request = Request::new(PositionsRequest::default());
    request
        .metadata_mut()
        .insert("authorization", format!("Bearer {}", token).parse()?);
    let positions = client.get_positions(request).await?;

    for position in positions.into_inner().positions {
        println!(
            "{}: {} @ {}",
            position.market_name, position.size, position.entry_price
        );
    }
    Ok(())
}
