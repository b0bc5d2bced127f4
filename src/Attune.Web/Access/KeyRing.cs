using System.Xml.Linq;
using Attune.Storage;
using Microsoft.AspNetCore.DataProtection.Repositories;

namespace Attune.Web.Access;

/// <summary>Keeps the keys that forms are protected with in the database, so that a page that was open before a restart can still be sent.</summary>
internal sealed class KeyRing(Database database) : IXmlRepository
{
    private const string Prefix = "form-key:";

    public IReadOnlyCollection<XElement> GetAllElements()
    {
        var rows = Task.Run(() => database.ReadAsync(transaction => transaction.QueryAsync<string>("SELECT value FROM secrets WHERE name LIKE @Like ORDER BY name", new { Like = Prefix + "%" })));
        return [.. rows.GetAwaiter().GetResult().Select(XElement.Parse)];
    }

    public void StoreElement(XElement element, string friendlyName) => Task.Run(() => database.WriteAsync(transaction => transaction.ExecuteAsync(
        "INSERT INTO secrets (name, value) VALUES (@Name, @Value)", new { Name = Prefix + transaction.NewId(), Value = element.ToString(SaveOptions.DisableFormatting) }))).GetAwaiter().GetResult();
}
