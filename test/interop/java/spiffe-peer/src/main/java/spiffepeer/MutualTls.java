package spiffepeer;

import io.spiffe.provider.SpiffeIdVerifier;
import io.spiffe.provider.SpiffeKeyManager;
import io.spiffe.provider.SpiffeTrustManager;
import io.spiffe.provider.SpiffeVerificationException;
import io.spiffe.spiffeid.SpiffeId;
import io.spiffe.spiffeid.TrustDomain;
import io.spiffe.workloadapi.DefaultX509Source;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;

/** Mutual TLS by Java's own TLS with java-spiffe's key and trust managers, and an SVID from the Workload API. */
final class MutualTls {
  /** One peer may be silent for this long, so that it cannot hold the server. */
  private static final int SILENCE_MS = 10_000;

  private static final int MAX_LINE_BYTES = 4096;
  private static final int URI_NAME = 6;

  static void serve(Settings settings) throws Exception {
    InetSocketAddress address = addressOf(settings);
    SSLContext context = tlsContext(settings);
    try (SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory().createServerSocket()) {
      listener.setNeedClientAuth(true);
      listener.bind(address);
      String host = listener.getInetAddress().getHostAddress();
      Report.answer(Map.of("listening", host + ":" + listener.getLocalPort()));
      for (long answered = 0; settings.count() == 0 || answered < settings.count(); answered++) {
        try (SSLSocket connection = (SSLSocket) listener.accept()) {
          answer(connection);
        } catch (IOException refused) {
          Report.answer(Map.of("refused", Report.told(refused)));
        }
      }
    }
  }

  private static void answer(SSLSocket connection) throws IOException {
    connection.setSoTimeout(SILENCE_MS);
    String line = readLine(connection.getInputStream());
    String peer = peerOf(connection);
    Report.answer(Map.of("peer", peer, "line", line));
    writeLine(connection.getOutputStream(), peer + " said " + line);
  }

  static void dial(Settings settings) throws Exception {
    SSLContext context = tlsContext(settings);
    try (SSLSocket connection = (SSLSocket) context.getSocketFactory().createSocket()) {
      connection.connect(addressOf(settings), SILENCE_MS);
      connection.setSoTimeout(SILENCE_MS);
      writeLine(connection.getOutputStream(), settings.line());
      String answer = readLine(connection.getInputStream());
      Report.answer(Map.of("peer", peerOf(connection), "answer", answer));
    }
  }

  /** Waits for the first SVID; the managers take whatever the source has at each handshake. */
  private static SSLContext tlsContext(Settings settings) throws Exception {
    var options = DefaultX509Source.X509SourceOptions.builder().spiffeSocketPath(settings.socket());
    if (settings.timeoutSeconds() > 0) options.initTimeout(Duration.ofSeconds(settings.timeoutSeconds()));
    DefaultX509Source source = DefaultX509Source.newSource(options.build());
    SSLContext context = SSLContext.getInstance("TLS");
    KeyManager[] keys = {new SpiffeKeyManager(source)};
    TrustManager[] trust = {new SpiffeTrustManager(source, authorizer(settings.authorize()))};
    context.init(keys, trust, null);
    return context;
  }

  /** Either a whole SPIFFE ID or a trust domain, and never "anybody". */
  private static SpiffeIdVerifier authorizer(String authorize) {
    boolean isWholeId = authorize.replaceFirst("^spiffe://", "").contains("/");
    SpiffeId wantedId = isWholeId ? SpiffeId.parse(authorize) : null;
    TrustDomain wantedDomain = isWholeId ? wantedId.getTrustDomain() : TrustDomain.parse(authorize);
    return (peer, chain) -> {
      if (isWholeId ? !peer.equals(wantedId) : !peer.memberOf(wantedDomain)) {
        throw new SpiffeVerificationException("unexpected peer " + peer);
      }
    };
  }

  /** The URI name of a certificate that the handshake has verified. */
  private static String peerOf(SSLSocket connection) throws IOException {
    try {
      X509Certificate leaf = (X509Certificate) connection.getSession().getPeerCertificates()[0];
      List<String> names =
          leaf.getSubjectAlternativeNames().stream()
              .filter(name -> name.get(0).equals(URI_NAME))
              .map(name -> (String) name.get(1))
              .toList();
      if (names.size() != 1) throw new IOException("the peer has " + names.size() + " URI names");
      return SpiffeId.parse(names.get(0)).toString();
    } catch (java.security.cert.CertificateException unreadable) {
      throw new IOException(unreadable);
    }
  }

  private static void writeLine(OutputStream to, String line) throws IOException {
    to.write((line + "\n").getBytes(StandardCharsets.UTF_8));
    to.flush();
  }

  private static String readLine(InputStream from) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int next = from.read(); next != '\n'; next = from.read()) {
      if (next == -1 || line.size() == MAX_LINE_BYTES) throw new IOException("the peer sent no whole line");
      line.write(next);
    }
    return line.toString(StandardCharsets.UTF_8).stripTrailing();
  }

  private static InetSocketAddress addressOf(Settings settings) {
    int colon = settings.address().lastIndexOf(':');
    String host = settings.address().substring(0, colon);
    return new InetSocketAddress(host, Integer.parseInt(settings.address().substring(colon + 1)));
  }

  private MutualTls() {}
}
