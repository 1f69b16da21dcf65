//! The life of a session through tokio-postgres: ../run.sh has its steps, docs/clients.md the snippet.

mod life;

// snippet
use tokio_postgres::{Error, NoTls};
use uuid::Uuid;

async fn sessions() -> Result<(), Error> {
    // Such as "host=localhost user=app dbname=app".
    let (db, connection) = tokio_postgres::connect(&std::env::var("DATABASE").unwrap(), NoTls).await?;
    let connection = tokio::spawn(connection);
    let user: Uuid = "ada00000-0000-4000-8000-000000000001".parse().unwrap();
    let address: std::net::IpAddr = [192, 0, 2, 7].into();

    let made =
        db.query_one("SELECT * FROM session_service.create_session($1, ip_address => $2)", &[&user, &address]).await?;
    let token: &str = made.get("token");
    // None: answer 401.
    let session = db.query_opt("SELECT user_id FROM session_service.validate_session($1)", &[&token]).await?;
    let refresh_token: &str = made.get("refresh_token");
    let pair = db.query_one("SELECT * FROM session_service.refresh_session($1)", &[&refresh_token]).await?;
    db.execute("SELECT session_service.revoke_session_by_token($1)", &[&pair.get::<_, &str>("token")]).await?;
    println!("{:?}", session.map(|row| row.get::<_, Uuid>("user_id")));
    // end of snippet
    life::live(user).await;
    // snippet
    drop(db);
    connection.await.unwrap()
}

fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(sessions())
}
// end of snippet
