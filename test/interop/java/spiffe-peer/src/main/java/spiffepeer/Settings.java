package spiffepeer;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The command line: a mode, then {@code --name value} pairs.
 *
 * @param socket {@code unix:///path}
 * @param timeoutSeconds 0 is for ever
 * @param count updates or connections; 0 is no bound
 * @param authorize a SPIFFE ID, or {@code spiffe://trust-domain}; empty when not given
 * @param subject empty when not given
 * @param token empty when not given
 */
record Settings(
    String mode,
    String socket,
    long timeoutSeconds,
    long count,
    String address,
    String authorize,
    String line,
    List<String> audience,
    String subject,
    String token) {
  private static final Set<String> FLAGS =
      Set.of("socket", "timeout", "count", "address", "authorize", "line", "audience", "subject", "token");

  static Settings parse(String[] arguments) {
    String mode = arguments[0];
    Map<String, String> flags = new HashMap<>();
    for (int i = 1; i < arguments.length; i += 2) {
      String name = arguments[i].replaceFirst("^--", "");
      if (!FLAGS.contains(name)) throw new IllegalArgumentException("unknown flag `" + name + "`");
      if (i + 1 == arguments.length) throw new IllegalArgumentException("`" + name + "` has no value");
      flags.put(name, arguments[i + 1]);
    }
    demand(flags, "socket");
    if (mode.equals("serve") || mode.equals("dial")) demand(flags, "authorize");
    if (mode.equals("jwt") || mode.equals("validate")) demand(flags, "audience");
    if (mode.equals("validate")) demand(flags, "token");
    return new Settings(
        mode,
        flags.get("socket"),
        Long.parseLong(flags.getOrDefault("timeout", "10")),
        Long.parseLong(flags.getOrDefault("count", "0")),
        flags.getOrDefault("address", "127.0.0.1:0"),
        flags.getOrDefault("authorize", ""),
        flags.getOrDefault("line", "hello"),
        List.of(flags.getOrDefault("audience", "").split(",")),
        flags.getOrDefault("subject", ""),
        flags.getOrDefault("token", ""));
  }

  private static void demand(Map<String, String> flags, String name) {
    if (flags.getOrDefault(name, "").isEmpty()) throw new IllegalArgumentException("give --" + name);
  }
}
