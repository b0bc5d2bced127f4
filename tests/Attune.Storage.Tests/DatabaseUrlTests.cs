using Attune.Runs;

namespace Attune.Storage.Tests;

public sealed class DatabaseUrlTests
{
    [Theory]
    [InlineData("attune.db", "attune.db")]
    [InlineData("sqlite:data/attune.db", "data/attune.db")]
    [InlineData("postgres://me:p%40ss@db.example:5433/attune", "postgres://me@db.example:5433/attune")]
    [InlineData("postgresql://me@db.example/attune", "postgres://me@db.example:5432/attune")]
    [InlineData("postgres://me@%2Frun%2Fpg/attune", "postgres://me@/run/pg:5432/attune")]
    [InlineData("Host=db.example;Username=me;Password=geheim;Database=attune", "postgres://me@db.example:5432/attune")]
    public void A_good_url_is_shown_without_its_password(string url, string shown) => Assert.Equal(shown, DatabaseUrl.Parse(url).ToString());

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("sqlite:", "names no file")]
    [InlineData("sqlite::memory:", "names no file on a disk")]
    [InlineData("/", "is a folder")]
    [InlineData("mysql://me:geheim@host/name", "has the scheme mysql")]
    [InlineData("postgres://me:geheim@host:5432", "name  is missing")]
    [InlineData("postgres://me:geheim@/name", "host  is missing")]
    [InlineData("postgres://me:geheim@host:port/name", "cannot be read")]
    [InlineData("postgres://me:ge@heim@host/name", "cannot be read")]
    [InlineData("postgres://me:geheim@host:99999999999/name", "has a port or a setting")]
    [InlineData("postgres://me:geheim@host/name?colour=red", "has a port or a setting")]
    [InlineData("Host=db;Password=geheim;Colour=red", "has a setting that cannot be read")]
    [InlineData("Host=db;Password='geheim; too'", "name  is missing")]
    public void A_bad_url_is_refused_in_three_parts_without_its_password(string url, string found)
    {
        var message = Assert.Throws<InputException>(() => DatabaseUrl.Parse(url)).Message;

        Assert.Contains(found, message);
        Assert.Contains(", expected ", message);
        Assert.DoesNotContain("heim", message);
    }
}
