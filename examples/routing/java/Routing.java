import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.OptionalInt;
import java.util.UUID;

/** Which shard has a user, a session or a token of session_service. Asks no server; needs nothing but the JDK. */
public final class Routing {

    private static final String ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    /** The first 12 bits of SHA-256 over the 16 bytes of the id. */
    public static int bucketOfUser(UUID userId) {
        ByteBuffer bytes = ByteBuffer.allocate(16);
        bytes.putLong(userId.getMostSignificantBits()).putLong(userId.getLeastSignificantBits());
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(bytes.array());
            return ((digest[0] & 0xff) << 4) | ((digest[1] & 0xff) >> 4);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // each Java platform has SHA-256
        }
    }

    /** The 12 bits behind the version of the UUID. */
    public static int bucketOfSession(UUID sessionId) {
        return (int) (sessionId.getMostSignificantBits() & 0xfff);
    }

    /** The same 12 bits: two characters of the token. Empty for what may be another system's token. */
    public static OptionalInt bucketOfToken(String token) {
        if (token == null || !(token.startsWith("sst_") || token.startsWith("ssr_"))) {
            return OptionalInt.empty();
        }
        if (token.length() < 16) {
            return OptionalInt.of(0);
        }
        int high = ALPHABET.indexOf(token.charAt(14));
        int low = ALPHABET.indexOf(token.charAt(15));
        return OptionalInt.of(high >= 0 && low >= 0 ? high * 64 + low : 0);
    }

    /** 0 to 15: the ranges are what is given to shards, and what moves between them. */
    public static int rangeOf(int bucket) {
        return bucket >> 8;
    }

    /** Of sixteen pools, one for each range, with the same pool at several places; that of range 0 without a bucket. */
    public static <Pool> Pool poolOf(OptionalInt bucket, List<Pool> pools) {
        return pools.get(rangeOf(bucket.orElse(0)));
    }

    private Routing() {}
}
