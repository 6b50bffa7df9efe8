package spiffepeer;

import io.spiffe.bundle.jwtbundle.JwtBundleSet;
import io.spiffe.spiffeid.SpiffeId;
import io.spiffe.svid.jwtsvid.JwtSvid;
import io.spiffe.workloadapi.WorkloadApiClient;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** JWT-SVIDs from the Workload API, verified and reported as JSON. */
final class JwtSvids {
  /** Each is verified with the JWT bundles, as a relying party would. */
  static void fetch(Settings settings) throws Exception {
    String first = settings.audience().get(0);
    String[] others = settings.audience().stream().skip(1).toArray(String[]::new);
    List<Object> verified = new ArrayList<>();
    try (WorkloadApiClient client = Workload.connect(settings)) {
      List<JwtSvid> svids =
          settings.subject().isEmpty()
              ? client.fetchJwtSvids(first, others)
              : client.fetchJwtSvids(SpiffeId.parse(settings.subject()), first, others);
      JwtBundleSet bundles = client.fetchJwtBundles();
      for (JwtSvid svid : svids) {
        verified.add(describe(JwtSvid.parseAndValidate(svid.getToken(), bundles, Set.of(first), svid.getHint())));
      }
    }
    Report.answer(Map.of("jwtSvids", verified));
  }

  /** By the Workload API itself. */
  static void validate(Settings settings) throws Exception {
    try (WorkloadApiClient client = Workload.connect(settings)) {
      JwtSvid svid = client.validateJwtSvid(settings.token(), settings.audience().get(0));
      Report.answer(Map.of("jwtSvids", List.of(describe(svid))));
    }
  }

  private static Map<String, Object> describe(JwtSvid svid) {
    Map<String, Object> answer = new LinkedHashMap<>();
    answer.put("spiffeId", svid.getSpiffeId().toString());
    answer.put("hint", svid.getHint());
    answer.put("audience", new TreeSet<>(svid.getAudience()));
    answer.put("expiry", svid.getExpiry().toInstant().toString());
    answer.put("token", svid.getToken());
    return answer;
  }

  private JwtSvids() {}
}
