import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.UUID;

/** Holds Routing to the vectors in the file that is named. Prints how many there were. */
final class RoutingTest {

    private static void check(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    public static void main(String[] arguments) throws Exception {
        List<String> pools = List.of("aaaabbbbcccccccd".split(""));
        int count = 0;
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            if (line.startsWith("#")) {
                continue;
            }
            count++;
            String[] fields = line.split("\t", -1);
            String kind = fields[0];
            String value = fields[1];
            OptionalInt found = switch (kind) {
                case "user" -> OptionalInt.of(Routing.bucketOfUser(UUID.fromString(value)));
                case "session" -> OptionalInt.of(Routing.bucketOfSession(UUID.fromString(value)));
                default -> Routing.bucketOfToken(value);
            };
            String what = kind + " " + value + ": " + found;
            check(found.isPresent() != kind.equals("imported"), what);
            check(found.orElse(0) >= 0 && found.orElse(0) < 4096, what);
            if (kind.equals("imported") || kind.equals("malformed")) {
                continue;
            }
            int bucket = found.getAsInt();
            int range = Integer.parseInt(fields[4]);
            check(bucket == Integer.parseInt(fields[3]) && Routing.rangeOf(bucket) == range, what);
            check(fields[2].isEmpty() || Routing.bucketOfSession(UUID.fromString(fields[2])) == bucket, what);
            check(Routing.poolOf(found, pools).equals(pools.get(range)), what);
        }
        check(Routing.bucketOfToken(null).isEmpty(), "null");
        check(Routing.poolOf(OptionalInt.empty(), pools).equals("a"), "no bucket");
        System.out.println(count + " vectors");
    }
}
