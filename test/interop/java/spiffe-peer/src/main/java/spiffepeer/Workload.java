package spiffepeer;

import io.spiffe.bundle.x509bundle.X509BundleSet;
import io.spiffe.exception.JwtBundleException;
import io.spiffe.svid.x509svid.X509Svid;
import io.spiffe.svid.x509svid.X509SvidValidator;
import io.spiffe.workloadapi.DefaultWorkloadApiClient;
import io.spiffe.workloadapi.Watcher;
import io.spiffe.workloadapi.WorkloadApiClient;
import io.spiffe.workloadapi.X509Context;
import java.security.cert.CertificateEncodingException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;

/** What the Workload API says, as JSON. */
final class Workload {
  private static final Base64.Encoder PEM = Base64.getMimeEncoder(64, new byte[] {'\n'});

  static WorkloadApiClient connect(Settings settings) throws Exception {
    return DefaultWorkloadApiClient.newClient(
        DefaultWorkloadApiClient.ClientOptions.builder().spiffeSocketPath(settings.socket()).build());
  }

  static void fetch(Settings settings) throws Exception {
    try (WorkloadApiClient client = connect(settings)) {
      Report.answer(describe(client.fetchX509Context()));
    }
  }

  static void bundles(Settings settings) throws Exception {
    Map<String, Object> answer = new LinkedHashMap<>();
    try (WorkloadApiClient client = connect(settings)) {
      answer.put("authoritiesPem", authoritiesPem(client.fetchX509Bundles()));
      try {
        Map<String, Object> keyIds = new TreeMap<>();
        client
            .fetchJwtBundles()
            .getBundles()
            .forEach((domain, bundle) -> keyIds.put(domain.getName(), new TreeSet<>(bundle.getJwtAuthorities().keySet())));
        answer.put("jwtKeyIds", keyIds);
      } catch (JwtBundleException error) { // an authority without JWT keys is worth an answer, not an end
        answer.put("jwtError", Report.told(error));
      }
    }
    Report.answer(answer);
  }

  /** The client reconnects by itself; the watch ends after {@code count} updates, or on a refusal. */
  static void watch(Settings settings) throws Exception {
    CompletableFuture<Void> ended = new CompletableFuture<>();
    try (WorkloadApiClient client = connect(settings)) {
      client.watchX509Context(
          new Watcher<>() {
            private long seen = 0;

            @Override
            public void onUpdate(X509Context context) {
              if (ended.isDone()) return;
              try {
                Report.answer(describe(context));
              } catch (Exception error) {
                ended.completeExceptionally(error);
              }
              seen++;
              if (seen == settings.count()) ended.complete(null);
            }

            @Override
            public void onError(Throwable error) {
              ended.completeExceptionally(error);
            }
          });
      ended.get();
    }
  }

  /** Verifies each SVID by the bundles that came with it: one that its own trust domain denies is an error. */
  private static Map<String, Object> describe(X509Context context) throws Exception {
    List<Object> svids = new ArrayList<>();
    for (X509Svid svid : context.getX509Svids()) {
      X509SvidValidator.verifyChain(svid.getChain(), context.getX509BundleSet());
      svids.add(describe(svid));
    }
    return Map.of("svids", svids, "authoritiesPem", authoritiesPem(context.getX509BundleSet()));
  }

  private static Map<String, Object> describe(X509Svid svid) throws CertificateEncodingException {
    X509Certificate leaf = svid.getLeaf();
    Map<String, Object> answer = new LinkedHashMap<>();
    answer.put("spiffeId", svid.getSpiffeId().toString());
    answer.put("hint", svid.getHint());
    answer.put("serial", HexFormat.of().formatHex(leaf.getSerialNumber().toByteArray()).replaceFirst("^00", ""));
    answer.put("notBefore", leaf.getNotBefore().toInstant().toString());
    answer.put("notAfter", leaf.getNotAfter().toInstant().toString());
    answer.put("chainPem", pemOf(svid.getChain()));
    answer.put("chainLength", svid.getChain().size());
    return answer;
  }

  private static Map<String, String> authoritiesPem(X509BundleSet set) throws CertificateEncodingException {
    Map<String, String> authorities = new TreeMap<>();
    for (var bundle : set.getBundles().values()) {
      authorities.put(bundle.getTrustDomain().getName(), pemOf(bundle.getX509Authorities()));
    }
    return authorities;
  }

  private static String pemOf(Collection<X509Certificate> certificates) throws CertificateEncodingException {
    StringBuilder text = new StringBuilder();
    for (X509Certificate certificate : certificates) {
      String body = PEM.encodeToString(certificate.getEncoded());
      text.append("-----BEGIN CERTIFICATE-----\n").append(body).append("\n-----END CERTIFICATE-----\n");
    }
    return text.toString();
  }

  private Workload() {}
}
