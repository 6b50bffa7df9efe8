package spiffepeer;

import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.logging.LogManager;

/**
 * A workload written with java-spiffe, with the modes and the JSON of the Go program `spiffe-peer`, so that one table
 * of tests judges a Workload API with both.
 *
 * <p>Answers are JSON on standard output, one object a line; an error is one JSON object on standard error. It never
 * prints a private key. Exit codes: 1 for what the Workload API or the peer refused, 2 for a wrong command line.
 */
public final class SpiffePeer {
  private interface Mode {
    void run(Settings settings) throws Exception;
  }

  private static final Map<String, Mode> MODES =
      Map.of(
          "fetch", Workload::fetch,
          "bundles", Workload::bundles,
          "watch", Workload::watch,
          "jwt", JwtSvids::fetch,
          "validate", JwtSvids::validate,
          "serve", MutualTls::serve,
          "dial", MutualTls::dial);

  public static void main(String[] arguments) {
    // The libraries log to standard error, where the tests look for one JSON object or nothing.
    LogManager.getLogManager().reset();
    Mode mode = arguments.length == 0 ? null : MODES.get(arguments[0]);
    Settings settings;
    try {
      if (mode == null) throw new IllegalArgumentException("give a mode: " + String.join("|", MODES.keySet()));
      settings = Settings.parse(arguments);
    } catch (IllegalArgumentException mistake) {
      System.err.println(mistake.getMessage());
      System.exit(2);
      return;
    }
    System.exit(runInTime(mode, settings));
  }

  /** The library's calls take no deadline: the one given bounds the whole mode; a server's end is no failure. */
  private static int runInTime(Mode mode, Settings settings) {
    ExecutorService executor = Executors.newSingleThreadExecutor();
    try {
      executor
          .submit(
              () -> {
                mode.run(settings);
                return null;
              })
          .get(settings.timeoutSeconds() == 0 ? Long.MAX_VALUE : settings.timeoutSeconds(), TimeUnit.SECONDS);
      return 0;
    } catch (TimeoutException late) {
      if (settings.mode().equals("serve")) return 0;
      Report.error("no answer in " + settings.timeoutSeconds() + " s");
    } catch (ExecutionException failed) {
      Report.error(Report.told(failed.getCause()));
    } catch (InterruptedException interrupted) {
      Report.error("interrupted");
    }
    return 1;
  }

  private SpiffePeer() {}
}
