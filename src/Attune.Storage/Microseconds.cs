using System.Data;
using Dapper;

namespace Attune.Storage;

/// <summary>Times are stored as whole microseconds since 1970 in UTC.</summary>
internal sealed class Microseconds : SqlMapper.TypeHandler<DateTimeOffset>
{
    private const long TicksEach = 10;

    public static long From(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks / TicksEach;

    public static DateTimeOffset At(long microseconds) => DateTimeOffset.UnixEpoch.AddTicks(microseconds * TicksEach);

    public static DateTimeOffset Truncate(DateTimeOffset time) => At(From(time));

    public override DateTimeOffset Parse(object value) => At((long)value);

    public override void SetValue(IDbDataParameter parameter, DateTimeOffset value)
    {
        parameter.DbType = DbType.Int64;
        parameter.Value = From(value);
    }
}
