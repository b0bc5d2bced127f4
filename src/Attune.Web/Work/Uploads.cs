namespace Attune.Web.Work;

/// <summary>Files that came through a form.</summary>
internal static class Uploads
{
    /// <summary>All of a file; the request's limit bounds its size.</summary>
    public static async Task<byte[]> ReadAsync(IFormFile file, CancellationToken stop)
    {
        using var content = new MemoryStream();
        await file.CopyToAsync(content, stop).ConfigureAwait(false);
        return content.ToArray();
    }
}
