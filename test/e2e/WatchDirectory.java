// Owns waiting for an entry as a Java program sees it, by JNDI; started by ldap-jndi.test.ts as one file.
//
// java WatchDirectory.java PORT BIND_DN PASSWORD BASE
//
// Prints "ready" once it is bound. For each line that it reads, a filter, it searches the whole tree again and again until
// something is found, and prints when that was, in ms since 1970, with how many entries were found.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Hashtable;
import javax.naming.Context;
import javax.naming.NamingEnumeration;
import javax.naming.directory.SearchControls;
import javax.naming.directory.SearchResult;
import javax.naming.ldap.InitialLdapContext;
import javax.naming.ldap.LdapContext;

public class WatchDirectory {
  public static void main(String[] args) throws Exception {
    Hashtable<String, Object> settings = new Hashtable<>();
    settings.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.ldap.LdapCtxFactory");
    settings.put(Context.PROVIDER_URL, "ldap://127.0.0.1:" + args[0]);
    settings.put(Context.SECURITY_AUTHENTICATION, "simple");
    settings.put(Context.SECURITY_PRINCIPAL, args[1]);
    settings.put(Context.SECURITY_CREDENTIALS, args[2]);
    LdapContext context = new InitialLdapContext(settings, null);
    SearchControls whole = new SearchControls();
    whole.setSearchScope(SearchControls.SUBTREE_SCOPE);
    BufferedReader filters = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    System.out.println("ready");
    for (String filter = filters.readLine(); filter != null; filter = filters.readLine()) {
      int count = 0;
      while (count == 0) {
        NamingEnumeration<SearchResult> found = context.search(args[3], filter, whole);
        while (found.hasMore()) {
          found.next();
          count += 1;
        }
        if (count == 0) Thread.sleep(5);
      }
      System.out.println(System.currentTimeMillis() + " " + count);
    }
    context.close();
  }
}
