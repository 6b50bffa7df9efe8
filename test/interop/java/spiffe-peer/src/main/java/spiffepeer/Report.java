package spiffepeer;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.util.Map;

/** The one form of an answer: a JSON object on a line of its own. */
final class Report {
  private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();

  static void answer(Map<String, ?> value) {
    System.out.println(GSON.toJson(value));
  }

  static void error(String text) {
    System.err.println(GSON.toJson(Map.of("error", text)));
  }

  /** With what caused it: the gRPC status is below the library's own exception. */
  static String told(Throwable failure) {
    StringBuilder text = new StringBuilder(String.valueOf(failure));
    for (Throwable cause = failure.getCause(); cause != null; cause = cause.getCause()) {
      text.append(": ").append(cause);
    }
    return text.toString();
  }

  private Report() {}
}
