using Attune.Feedback.Tasks;

namespace Attune.Web.Work;

/// <summary>Files that came through a form.</summary>
internal static class Uploads
{
    /// <summary>Pictures that came with a file of tasks, by their names.</summary>
    public static async Task<PicturesBeside> PicturesAsync(IReadOnlyList<IFormFile>? files, CancellationToken stop)
    {
        var read = new List<(string, byte[])>();
        foreach (var file in (files ?? []).Where(file => file.FileName.Length > 0)) // a browser sends one without a name where none is chosen
            read.Add((file.FileName, await ReadAsync(file, stop).ConfigureAwait(false)));
        return PicturesBeside.OfFiles(read);
    }

    /// <summary>All of a file; the request's limit bounds its size.</summary>
    public static async Task<byte[]> ReadAsync(IFormFile file, CancellationToken stop)
    {
        using var content = new MemoryStream();
        await file.CopyToAsync(content, stop).ConfigureAwait(false);
        return content.ToArray();
    }
}
