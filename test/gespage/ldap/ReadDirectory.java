// Owns reading the LDAP directory as a Java program does, by JNDI; started by clients.test.ts as one file.
//
// java ReadDirectory.java PORT CA.pem BIND_DN PASSWORD BASE
//
// For each way in and each treatment of referrals it reads the whole tree by pages and prints one line:
// WAY REFERRALS ENTRIES PAGES SHA-256 of the sorted names with their objectGUID. Then it prints what single searches give.
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.Hashtable;
import java.util.List;
import javax.naming.Context;
import javax.naming.NamingEnumeration;
import javax.naming.NamingException;
import javax.naming.directory.Attribute;
import javax.naming.directory.DirContext;
import javax.naming.directory.SearchControls;
import javax.naming.directory.SearchResult;
import javax.naming.ldap.Control;
import javax.naming.ldap.InitialLdapContext;
import javax.naming.ldap.LdapContext;
import javax.naming.ldap.PagedResultsControl;
import javax.naming.ldap.PagedResultsResponseControl;
import javax.naming.ldap.StartTlsRequest;
import javax.naming.ldap.StartTlsResponse;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class ReadDirectory {
  static String port, bindDn, password, base;

  public static void main(String[] args) throws Exception {
    port = args[0];
    bindDn = args[2];
    password = args[3];
    base = args[4];
    trust(args[1]);
    for (String way : new String[] {"ldap", "ldaps", "starttls"}) {
      for (String referrals : new String[] {"ignore", "follow", "throw"}) {
        LdapContext context = open(way, referrals);
        readAll(way + " " + referrals, context);
        context.close();
      }
    }
    LdapContext context = open("ldaps", "ignore");
    for (int at = 5; at < args.length; at += 1) search(context, args[at]);
    DirContext schema = context.getSchema("");
    System.out.println("schema " + schema.getAttributes("AttributeDefinition/sAMAccountName").get("NUMERICOID").get());
    System.out.println("schema " + schema.getAttributes("ClassDefinition/inetOrgPerson").get("SUP").get());
    System.out.println("root " + context.getAttributes("", new String[] {"namingContexts"}).get("namingContexts").get());
    try {
      context.destroySubcontext(base);
      System.out.println("written");
    } catch (NamingException refused) {
      System.out.println("write " + refused.getClass().getSimpleName());
    }
    context.close();
    try {
      password = "wrong";
      open("ldaps", "ignore");
      System.out.println("let in");
    } catch (NamingException refused) {
      System.out.println("bind " + refused.getClass().getSimpleName());
    }
  }

  static void trust(String file) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (FileInputStream in = new FileInputStream(file)) {
      store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory trusted = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trusted.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trusted.getTrustManagers(), null);
    SSLContext.setDefault(context);
  }

  static LdapContext open(String way, String referrals) throws Exception {
    Hashtable<String, Object> settings = new Hashtable<>();
    settings.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.ldap.LdapCtxFactory");
    settings.put(Context.PROVIDER_URL, (way.equals("ldaps") ? "ldaps" : "ldap") + "://127.0.0.1:" + port);
    settings.put(Context.REFERRAL, referrals);
    settings.put("java.naming.ldap.attributes.binary", "objectGUID");
    if (!way.equals("starttls")) {
      settings.put(Context.SECURITY_AUTHENTICATION, "simple");
      settings.put(Context.SECURITY_PRINCIPAL, bindDn);
      settings.put(Context.SECURITY_CREDENTIALS, password);
      return new InitialLdapContext(settings, null);
    }
    LdapContext context = new InitialLdapContext(settings, null);
    StartTlsResponse tls = (StartTlsResponse) context.extendedOperation(new StartTlsRequest());
    tls.negotiate(SSLContext.getDefault().getSocketFactory());
    context.addToEnvironment(Context.SECURITY_AUTHENTICATION, "simple");
    context.addToEnvironment(Context.SECURITY_PRINCIPAL, bindDn);
    context.addToEnvironment(Context.SECURITY_CREDENTIALS, password);
    context.reconnect(null);
    return context;
  }

  static void readAll(String label, LdapContext context) throws Exception {
    SearchControls whole = new SearchControls();
    whole.setSearchScope(SearchControls.SUBTREE_SCOPE);
    List<String> lines = new ArrayList<>();
    int pages = 0;
    byte[] cookie = null;
    do {
      context.setRequestControls(new Control[] {new PagedResultsControl(200, cookie, Control.CRITICAL)});
      NamingEnumeration<SearchResult> found = context.search(base, "(objectClass=*)", whole);
      while (found.hasMore()) {
        SearchResult one = found.next();
        Attribute guid = one.getAttributes().get("objectGUID");
        lines.add(one.getNameInNamespace() + " " + (guid == null ? "" : HexFormat.of().formatHex((byte[]) guid.get())));
      }
      pages += 1;
      cookie = null;
      Control[] answers = context.getResponseControls();
      for (Control answer : answers == null ? new Control[0] : answers)
        if (answer instanceof PagedResultsResponseControl) cookie = ((PagedResultsResponseControl) answer).getCookie();
    } while (cookie != null && cookie.length > 0);
    Collections.sort(lines);
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(String.join("\n", lines).getBytes("UTF-8"));
    System.out.println(label + " " + lines.size() + " " + pages + " " + HexFormat.of().formatHex(digest));
  }

  static void search(LdapContext context, String filter) throws Exception {
    context.setRequestControls(null);
    SearchControls whole = new SearchControls();
    whole.setSearchScope(SearchControls.SUBTREE_SCOPE);
    whole.setReturningAttributes(new String[] {"uid"});
    try {
      NamingEnumeration<SearchResult> found = context.search(base, filter, whole);
      int count = 0;
      while (found.hasMore()) {
        found.next();
        count += 1;
      }
      System.out.println("found " + count);
    } catch (NamingException refused) {
      System.out.println("refused " + refused.getClass().getSimpleName());
    }
  }
}
